"""Sets of arrays: a user's own .npz, and what is wrong with it."""

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras import config
from gblend_keras.data import npz
from gblend_keras.data.sets import registry


def write(path, **changes):
    rng = np.random.default_rng(0)
    content = {
        "rgb": rng.normal(size=(30, 4)),
        "audio": rng.normal(size=(30, 5, 2)).astype(np.float32),
        "y": np.arange(30) % 3,
    }
    content |= changes
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return path


def test_npz_is_divided_by_its_split_array(tmp_path):
    split = np.repeat(["train", "validation", "test"], 10)
    splits = npz.load(write(tmp_path / "a.npz", split=split))
    sizes = (len(splits.train), len(splits.validation), len(splits.test))
    assert sizes == (10, 10, 10)
    assert list(splits.train.x) == ["rgb", "audio"]
    assert splits.class_names == ("0", "1", "2")


def test_npz_without_split_tests_on_every_fifth_of_a_class(tmp_path):
    splits = npz.load(write(tmp_path / "a.npz"))
    assert (len(splits.train), len(splits.test)) == (24, 6)
    assert np.bincount(splits.test.y).tolist() == [2, 2, 2]


def test_groups_and_sample_weights_travel_along(tmp_path):
    path = write(
        tmp_path / "a.npz",
        group=np.repeat(["ann", "bob", "eve"], 10),
        sample_weight=np.linspace(0, 1, 30),
    )
    train = npz.load(path).train
    assert set(train.group) == {"ann", "bob", "eve"}
    assert train.sample_weight.shape == (24,)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"y": None}, "Save it with numpy.savez"),
        ({"y": np.arange(29)}, "in the same order."),
        ({"y": np.full(30, -1)}, "Number the classes from 0."),
        ({"y": np.full(30, 0.5)}, "classifiers only."),
        ({"y": np.full(30, "cat")}, "Map class names to integers first."),
        ({"y": np.ones((30, 2, 2))}, "Squeeze or reshape the labels."),
        ({"rgb": np.full((30, 4), np.nan)}, "fill the gaps."),
        ({"rgb": np.full((30, 4), "a")}, "Convert it to numbers."),
        ({"split": np.full(30, "dev")}, "Rename them."),
        ({"split": np.full(30, "train")}, "Check `split`."),
        ({"split": np.full(4, "train")}, "Give one value an example."),
        ({"group": np.arange(4)}, "Give one value an example."),
        ({"sample_weight": np.full(30, -1.0)}, "leave an example out."),
        ({"rgb": None, "audio": None}, "Pass `{modality: array}`."),
    ],
)
def test_bad_arrays_are_refused_with_the_file_named(tmp_path, changes, advice):
    path = write(tmp_path / "mine.npz", **changes)
    with pytest.raises(ValueError) as caught:
        npz.load(path)
    assert advice in str(caught.value) and "mine.npz" in str(caught.value)


def test_missing_damaged_and_pickled_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Check `data_dir` or `data.path`."):
        npz.read_npz(tmp_path / "none.npz")
    path = write(tmp_path / "a.npz")
    for damaged in (path.read_bytes()[:200], b"", b"hello"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="without Python objects."):
            npz.read_npz(path)
    np.savez(path, y=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="without Python objects."):
        npz.read_npz(path)


def test_set_is_loaded_with_the_modalities_asked_for(tmp_path):
    write(tmp_path / "a.npz")
    settings = config.DataConfig(
        dataset="arrays", path="a.npz", modalities=("audio",)
    )
    splits = registry.load(settings, data_dir=tmp_path)
    assert list(splits.test.x) == ["audio"]
    wrong = config.DataConfig(
        dataset="arrays", path="a.npz", modalities=("smell",)
    )
    with pytest.raises(ValueError, match="Check the spelling."):
        registry.load(wrong, data_dir=tmp_path)


def test_choosing_on_validation_never_touches_the_test_split(tmp_path):
    groups = np.tile(np.repeat([0, 1, 2, 3, 4], 3), 2)
    path = write(
        tmp_path / "a.npz",
        group=groups,
        split=np.repeat(["train", "test"], 15),
    )
    settings = config.DataConfig(
        dataset="arrays", path=str(path), evaluate_on="validation"
    )
    splits = registry.load(settings, data_dir=None)
    whole = npz.load(path)
    assert len(splits.train) + len(splits.test) == len(whole.train)
    assert not set(splits.train.group) & set(splits.test.group)
    tested = {tuple(row) for row in whole.test.x["rgb"]}
    assert not tested & {tuple(row) for row in splits.test.x["rgb"]}


def test_missing_data_dir_is_named():
    with pytest.raises(ValueError, match="Add --data_dir=DIR."):
        registry.load(config.DataConfig(dataset="utd_mhad"), data_dir=None)
    with pytest.raises(ValueError, match="Add --set data.path=FILE.npz."):
        registry.load(config.DataConfig(dataset="arrays"), data_dir=None)


def test_take_and_select_keep_rows_together():
    x = {"a": np.arange(6.0)[:, None], "b": np.arange(6.0)[:, None] * 2}
    examples = gb.Examples(x, np.arange(6))
    part = examples.take([4, 1]).select(("b",))
    assert list(part.x) == ["b"]
    assert part.x["b"][:, 0].tolist() == [8, 2] and part.y.tolist() == [4, 1]


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_written_is_read_and_nothing_else(tmp_path, compressed):
    values = {"y": np.arange(3), "name": np.array(["a", "b"])}
    path = tmp_path / "set.npz"
    npz.write_npz(path, values, compressed=compressed)
    found = npz.read_npz(path)
    assert found.keys() == values.keys()
    for name, array in values.items():
        np.testing.assert_array_equal(found[name], array)


def test_python_objects_are_not_written(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="`x` holds Python objects"):
        npz.write_npz(tmp_path / "set.npz", {"x": objects})
    assert not list(tmp_path.iterdir())
