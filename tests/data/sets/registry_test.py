"""Sets by name: how the validation part is drawn."""

import numpy as np
import pytest

from gblend_keras import config
from gblend_keras.data.sets import registry

PEOPLE = np.repeat(np.arange(10), 6)


def write(path, **changes):
    content = {
        "row": np.arange(60.0)[:, None],  # which example it is
        "y": np.tile(np.arange(3), 20),
        "group": PEOPLE,
        "split": np.repeat("train", 60),
    }
    content |= changes
    content["split"][-6:] = "test"
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return path


def validated(path, **settings):
    data = config.DataConfig(
        dataset="arrays",
        path=str(path),
        **{"evaluate_on": "validation"} | settings,
    )
    return registry.load(data, data_dir=None, seed=3)


def rows(examples):
    return examples.x["row"][:, 0].astype(int)


def test_auto_holds_out_groups_where_there_are_some(tmp_path):
    path = write(tmp_path / "a.npz")
    auto = validated(path)
    groups = validated(path, validation_by="groups")
    assert not set(auto.train.group) & set(auto.test.group)
    np.testing.assert_array_equal(rows(auto.test), rows(groups.test))


def test_examples_are_drawn_by_class_from_every_group(tmp_path):
    splits = validated(
        write(tmp_path / "a.npz"),
        validation_by="examples",
        validation_fraction=0.5,
    )
    # Half of 54 examples, 18 a class.
    assert np.bincount(splits.test.y).tolist() == [9, 9, 9]
    assert len(set(splits.train.group) & set(splits.test.group)) > 5
    together = np.concatenate([rows(splits.train), rows(splits.test)])
    assert sorted(together) == list(range(54))  # and no test example


def test_examples_are_what_auto_draws_without_groups(tmp_path):
    path = write(tmp_path / "a.npz", group=None)
    auto = validated(path)
    examples = validated(path, validation_by="examples")
    np.testing.assert_array_equal(rows(auto.test), rows(examples.test))


@pytest.mark.parametrize("multi_hot", [False, True])
def test_only_example_of_a_class_stays_in_training(tmp_path, multi_hot):
    y = np.tile(np.arange(3), 20)
    y[7] = 3
    labels = np.eye(4, dtype=int)[y] if multi_hot else y
    splits = validated(
        write(tmp_path / "a.npz", y=labels),
        validation_by="examples",
        validation_fraction=0.5,
    )
    assert 7 in rows(splits.train)
    assert 20 < len(splits.test) < 30


def test_set_in_which_every_class_occurs_once_cannot_be_divided(tmp_path):
    path = write(tmp_path / "a.npz", y=np.arange(60))
    with pytest.raises(ValueError, match="or hold out whole groups."):
        validated(path, validation_by="examples")


@pytest.mark.parametrize("evaluate_on", ["test", "validation"])
def test_groups_of_a_set_without_groups_are_refused(tmp_path, evaluate_on):
    path = write(tmp_path / "a.npz", group=None)
    with pytest.raises(
        ValueError, match="or use --set data.validation_by=examples."
    ):
        validated(path, validation_by="groups", evaluate_on=evaluate_on)


def test_choice_is_refused_where_the_set_has_its_own_split(tmp_path):
    split = np.repeat("validation", 60)
    split[:30] = "train"
    path = write(tmp_path / "a.npz", split=split)
    assert rows(validated(path).test).tolist() == list(range(30, 54))
    for choice in ("groups", "examples"):
        with pytest.raises(ValueError, match="Leave it out."):
            validated(path, validation_by=choice)
