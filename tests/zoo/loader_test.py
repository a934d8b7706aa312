"""Entries as users meet them: whole, by head, by tower, with files."""

import shutil

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.towers import transformer
from gblend_keras.zoo import _weights
from gblend_keras.zoo import catalog
from gblend_keras.zoo import entry_builder
from gblend_keras.zoo import loader
from gblend_keras.zoo.model import ZooModel
from tests import toy
from tests.data import clip_files
from tests.zoo.conftest import make_description

SMALL = transformer.TransformerSize(num_blocks=1, width=8, num_heads=2)


def arrays(num_examples=5):
    return toy.arrays(num_examples=num_examples)[0]


@pytest.fixture
def model(place):
    return gb.zoo.load("toy_uniform")


def test_loaded_network_answers_like_the_run(model, runs):
    run = gb.runs.load_run(runs / "run_0")
    assert isinstance(model, gb.BlendedModel) and model.name == "toy_uniform"
    assert model.class_names == run.class_names == ("0", "1", "2")
    assert model.blend_weights == pytest.approx(run.model.blend_weights)
    x = model.preprocess(arrays())
    expected = run.model.predict(x, verbose=0)
    for head, values in model.predict(x, verbose=0).items():
        np.testing.assert_allclose(values, expected[head], rtol=1e-5)


def test_loaded_network_has_the_exponents_of_the_run(runs, tmp_path):
    run = gb.runs.load_run(runs / "run_0")
    run.model.calibrate(*toy.arrays(num_examples=40))
    copied = tmp_path / "run"
    shutil.copytree(runs / "run_0", copied)
    run.model.save(copied / "model.keras")
    described = make_description(name="toy_calibrated")
    entry_builder.add(copied, described, place=tmp_path / "zoo")
    model = loader.load(catalog.read(tmp_path / "zoo" / described.name))
    np.testing.assert_allclose(
        model.pool.variable.numpy(), run.model.pool.variable.numpy(), rtol=1e-6
    )
    assert model.pool.is_set


def test_loaded_network_trains_on(model):
    x, y = toy.arrays()
    first = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    model.fit(x, y, epochs=3, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] < first


def test_network_of_the_zoo_can_be_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "mine.keras")
    again = gb.runs.load_model(tmp_path / "mine.keras")
    assert again.class_names == model.class_names
    assert again.inputs_about == {"m0": "numbers", "m1": "other numbers"}
    x = again.preprocess(arrays())
    np.testing.assert_array_equal(
        again.predict(x, verbose=0)["blend"],
        model.predict(x, verbose=0)["blend"],
    )


def test_one_head_needs_its_own_modality_alone(place, model):
    x = model.preprocess(arrays())
    head = gb.zoo.load("toy_uniform", head="m1")
    assert list(head.input) == ["m1"]
    logits = head({"m1": x["m1"]})["m1"]
    np.testing.assert_allclose(
        keras.ops.softmax(logits), model.predict(x, verbose=0)["m1"], rtol=1e-5
    )
    joint = gb.zoo.load("toy_uniform", head="joint")
    assert set(joint.input) == {"m0", "m1"} and list(joint.output) == ["joint"]


def test_unknown_head_is_named(place):
    with pytest.raises(ValueError, match=r"Choose one of them\.$"):
        gb.zoo.load("toy_uniform", head="video")


def test_head_that_was_never_trained_is_refused():
    with pytest.raises(ValueError, match=r"Choose another entry\.$"):
        gb.zoo.load("digits_joint", head="image")


def test_tower_gives_features(place):
    tower = gb.zoo.tower("toy_uniform", "m0", trainable=False)
    assert tower.name == "m0_tower" and not tower.trainable_variables
    assert tower(arrays()["m0"]).shape == (5, 8)
    other = gb.zoo.tower("toy_uniform", "m0", new_name="left_tower")
    assert other.name == "left_tower" and other.trainable_variables
    np.testing.assert_array_equal(tower(arrays()["m0"]), other(arrays()["m0"]))
    with pytest.raises(ValueError, match=r"Choose one of them\.$"):
        gb.zoo.tower("toy_uniform", "m2")


def test_towers_of_two_entries_make_a_new_network(place):
    towers = {
        "a": gb.zoo.tower("toy_uniform", "m0", new_name="a_tower"),
        "b": gb.zoo.tower("toy_uniform", "m1", new_name="b_tower"),
    }
    network = gb.late_fusion(towers, 4)
    assert network.output["joint"].shape == (None, 4)


def test_single_examples_get_a_batch_axis(model):
    x = {name: values[0] for name, values in arrays().items()}
    prepared = model.preprocess(x)
    assert {name: v.shape for name, v in prepared.items()} == {
        "m0": (1, 6),
        "m1": (1, 7),
    }


def test_arrays_may_stand_in_a_file(model, tmp_path):
    np.savez(tmp_path / "mine.npz", y=np.zeros(5), **arrays())
    prepared = model.preprocess(tmp_path / "mine.npz")
    np.testing.assert_array_equal(prepared["m1"], arrays()["m1"])


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (3, r"Give the modalities \['m0', 'm1'\]\.$"),
        ({"m0": np.zeros((2, 6))}, "Rename the data's keys"),
        (
            {"m0": np.zeros((2, 5)), "m1": np.zeros((2, 7))},
            r"See the card for what goes in\.$",
        ),
        (
            {"m0": np.zeros((2, 6)), "m1": np.zeros((3, 7))},
            "another length than the labels",
        ),
        (
            {"m0": np.full((2, 6), np.nan), "m1": np.zeros((2, 7))},
            "NaN or infinite",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(model, inputs, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.preprocess(inputs)


def test_weights_of_another_network_are_refused(place, tmp_path):
    small = toy.model().network
    before = [np.array(each) for each in small.get_weights()]
    path = place / "toy_uniform" / catalog.WEIGHTS
    with pytest.raises(ValueError, match=r"Use the version that wrote it\.$"):
        _weights.load(small, path)
    for old, new in zip(before, small.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_have_names_even_where_layers_repeat_them(tmp_path):
    tower = gb.build_transformer((6, 4), SMALL, name="m0_tower")
    first = gb.late_fusion({"m0": tower}, 3)
    names = _weights.named(first)
    variables = {id(each) for each in first.weights}
    assert len({id(each) for each in names.values()}) == len(names)
    assert len(names) == len(variables)
    _weights.save(first, tmp_path / "w.npz")
    again = gb.late_fusion(
        {"m0": gb.build_transformer((6, 4), SMALL, name="m0_tower")},
        3,
    )
    _weights.load(again, tmp_path / "w.npz")
    x = {"m0": np.random.default_rng(0).normal(size=(2, 6, 4))}
    np.testing.assert_allclose(
        first(x)["joint"], again(x)["joint"], rtol=1e-5, atol=1e-6
    )


def test_embedded_entry_loads_without_any_data():
    model = gb.zoo.load("digits_online")
    assert model.class_names[3] == "three"
    x = {"image": np.zeros((8, 8, 1)), "sound": np.zeros((32, 24, 1))}
    found = model.predict(model.preprocess(x), verbose=0)
    assert found["blend"].shape == (1, 10)
    assert gb.zoo.load_run("digits_online").seed == 0


def test_path_gives_the_checked_file():
    path = gb.zoo.path("digits_online")
    assert path.name == "weights.npz"
    with pytest.raises(ValueError, match=r"which asks TensorFlow Hub\.$"):
        gb.zoo.path("hub_yamnet")


@pytest.fixture
def video_model():
    """A network of video and sound whose answer is the inputs' mean."""
    towers = {}
    for name, shape in (("rgb", (4, 16, 16, 3)), ("audio", (100, 40, 1))):
        inputs = keras.Input(shape)
        x = keras.layers.Flatten()(inputs)
        towers[name] = keras.Model(inputs, x, name=f"{name}_tower")
    return ZooModel(
        gb.late_fusion(towers, 3, hidden_units=2),
        class_names=("a", "b", "c"),
        clips={"num_frames": 4, "crop_size": 16, "short_side": 16},
        raw_pixels=True,
    )


def test_videos_are_cut_into_clips(video_model, tmp_path):
    pytest.importorskip("av")
    path = clip_files.write_clip(
        tmp_path / "a.mp4",
        np.arange(40) * 40,
        sound=(clip_files.tone(1.6, 16000), 16000, "aac", 0.0),
    )
    one = video_model.preprocess(path)
    assert one["rgb"].shape == (1, 4, 16, 16, 3)
    assert one["audio"].shape == (1, 100, 40, 1)
    # Pixels, not normalised ones: stripes of black and white.
    assert one["rgb"].min() > -2 and 150 < one["rgb"].max() < 257
    two = video_model.preprocess([path, path], num_clips=2)
    assert two["rgb"].shape == (4, 4, 16, 16, 3)
    np.testing.assert_array_equal(two["rgb"][:2], two["rgb"][2:])
    video_model.raw_pixels = False
    normalized = video_model.preprocess(path)["rgb"]
    np.testing.assert_allclose(
        normalized * [58.1489, 56.4701, 55.3324] + [110.201, 100.64, 95.9966],
        one["rgb"],
        atol=1e-3,
    )


@pytest.mark.parametrize("inputs", [3, [], [3], {"rgb": 3}])
def test_no_video_is_refused(video_model, inputs):
    with pytest.raises(ValueError, match=r"Give the files\.$"):
        video_model.preprocess(inputs)


def test_class_names_must_fit(video_model):
    with pytest.raises(ValueError, match="in the order of the labels"):
        ZooModel(video_model.network, class_names=("a",))
