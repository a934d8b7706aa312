"""Mid-level fusions: what they do to maps, by hand and by their invariants."""

import keras
import numpy as np
import pytest
from keras import layers

import gblend_keras as gb
from gblend_keras.fusion import mid_concat
from gblend_keras.towers import audio_resnet
from gblend_keras.towers import conv
from gblend_keras.towers import resnet3d
from gblend_keras.towers import transformer
from tests import toy
from tests.fusion import small


def matched(x, sizes):
    layer = mid_concat.MatchMap(sizes)
    x = np.asarray(x, np.float32)[None]
    y = np.asarray(layer(x))
    assert layer.compute_output_shape(x.shape) == y.shape
    return y[0]


def test_longer_axis_is_averaged():
    # By hand: (1 + 3) / 2 and (5 + 7) / 2.
    assert matched([[1], [3], [5], [7]], (2,)).tolist() == [[2], [6]]


def test_shorter_axis_is_repeated():
    assert matched([[1], [3]], (4,)).tolist() == [[1], [1], [3], [3]]


def test_uneven_axis_is_averaged_over_overlapping_neighbours():
    # By hand: positions 0-1 and 1-2 of three.
    assert matched([[1], [3], [5]], (2,)).tolist() == [[2], [4]]


def test_spectrogram_meets_a_clip_frame_by_frame():
    spectrogram = [[[1], [3]], [[5], [7]]]  # 2 frames, 2 bins
    y = matched(spectrogram, (2, 3, 1))
    # By hand: bins averaged to 2 and 6, each tiled over 3 x 1.
    assert y[..., 0].tolist() == [[[2], [2], [2]], [[6], [6], [6]]]


def test_vector_is_tiled():
    assert matched([4, 5], (2, 1)).tolist() == [[[4, 5]], [[4, 5]]]


def test_matching_keeps_the_mean_where_sizes_divide():
    x = np.random.default_rng(0).normal(size=(6, 4, 3))
    for sizes in ((3, 2), (12, 8), (6, 4), (3, 8)):
        np.testing.assert_allclose(
            matched(x, sizes).mean((0, 1)), x.mean((0, 1)), atol=1e-5
        )


def test_closed_gate_halves_the_map():
    towers = small.towers()
    network = gb.fuse(towers, 3, fusion="se_gate", stage="high")
    for name in towers:
        scale = network.get_layer(f"{name}_gate_scale")
        scale.set_weights([0 * each for each in scale.get_weights()])
    x, _ = toy.arrays(num_examples=3)
    features = keras.Model(network.input, network.get_layer("m0_head").input)(x)
    # sigmoid(0) = 0.5, and after `high` the tower only averages.
    np.testing.assert_allclose(features, 0.5 * towers["m0"](x["m0"]), atol=1e-6)


def test_gate_has_the_sizes_of_vmz():
    network = small.network("se_gate", stage="high", reduction=4)
    # m0 has 8 channels, m1 has 12: a gate of m1 pools 8, squeezes to 12 / 4.
    shapes = [w.shape for w in network.get_layer("m1_gate_squeeze").weights]
    assert shapes == [(8, 3), (3,)]
    shapes = [w.shape for w in network.get_layer("m1_gate_scale").weights]
    assert shapes == [(3, 12), (12,)]


def test_non_local_begins_as_the_towers_are():
    towers = small.towers()
    network = gb.fuse(towers, 3, fusion="non_local")
    x, _ = toy.arrays(num_examples=3)
    features = keras.Model(network.input, network.get_layer("m1_head").input)(x)
    np.testing.assert_allclose(features, towers["m1"](x["m1"]), atol=1e-6)


def test_non_local_ignores_the_order_of_the_other_positions():
    inputs = keras.Input((5, 3))
    x = layers.Identity(name="all_output")(inputs)
    tower = keras.Model(inputs, layers.GlobalAveragePooling1D()(x), name="b")
    network = gb.fuse(
        {"a": small.tower("a", 6), "b": tower},
        3,
        fusion="non_local",
        stage={"a": "low", "b": "all"},
    )
    norm = network.get_layer("a_nonlocal_norm")
    norm.gamma.assign(np.ones(4))
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(2, 6)), "b": rng.normal(size=(2, 5, 3))}
    turned = {"a": x["a"], "b": x["b"][:, ::-1]}
    np.testing.assert_allclose(network(x)["a"], network(turned)["a"], atol=1e-5)


def test_bottleneck_passes_only_tokens():
    # Two layers, one token: what m0 hears of m1 has passed one vector. With
    # the tokens' way out of m1 cut, m0 hears nothing.
    network = small.network("bottleneck", stage="high", num_tokens=1)
    x, _ = toy.arrays(num_examples=3)
    other = {**x, "m1": x["m1"] + 1.0}
    assert np.any(network(x)["m0"] != network(other)["m0"])
    # m0 is 8 wide and m1 12, so that m0 projects the tokens that come in.
    entrance = network.get_layer("m0_bottleneck_1_tokens_in")
    entrance.set_weights([0 * each for each in entrance.get_weights()])
    np.testing.assert_array_equal(network(x)["m0"], network(other)["m0"])


def test_joint_tower_shares_lower_stages_alone():
    towers = small.towers()
    network = gb.fuse(towers, 3, fusion="mid_concat", stage="low")
    joint = keras.Model(network.input, network.output["joint"])
    used = {id(variable) for variable in joint.variables}
    for tower in towers.values():
        low, high = tower.layers[2], tower.layers[4]
        assert {id(variable) for variable in low.variables} <= used
        assert not {id(variable) for variable in high.variables} & used


@pytest.mark.parametrize("fusion", ["mid_concat", *small.EXCHANGING])
def test_clip_sound_and_padded_text_can_be_joined(fusion, tmp_path):
    size = transformer.TransformerSize(num_blocks=2, width=12, dropout=0.0)
    towers = {
        "clip": conv.build_conv3d(
            (2, 4, 4, 1), widths=(4, 8), name="clip_tower"
        ),
        "sound": conv.build_conv2d(
            (6, 4, 1), widths=(4, 8), name="sound_tower"
        ),
        "text": transformer.build_transformer((5, 3), size),
    }
    network = gb.fuse(towers, 3, fusion=fusion)
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(2, *tower.inputs[0].shape[1:]))
        for name, tower in towers.items()
    }
    x["text"][:, 3:] = transformer.PADDING
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    for head, logits in network(x).items():
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(again(x)[head], logits, atol=1e-6)


def test_map_of_unknown_size_is_refused():
    towers = {
        "a": conv.build_conv2d((None, 4, 1), widths=(4, 8), name="a"),
        "b": conv.build_conv2d((6, 4, 1), widths=(4, 8), name="b"),
    }
    with pytest.raises(ValueError, match="Fix the tower's `input_shape`."):
        gb.fuse(towers, 3, fusion="non_local")


@pytest.mark.parametrize("fusion", ["non_local", "bottleneck"])
def test_stage_that_is_a_vector_is_refused(fusion):
    inputs = keras.Input((4,))
    x = layers.Dense(4, name="all_output")(inputs)
    towers = {
        "a": keras.Model(inputs, layers.ReLU()(x), name="a"),
        "b": small.tower("b", 6),
    }
    with pytest.raises(ValueError, match="Choose an earlier stage."):
        gb.fuse(towers, 3, fusion=fusion)


def test_tower_that_computes_past_its_stage_is_refused():
    inputs = keras.Input((4, 2))
    below = layers.Dense(2)(inputs)
    x = layers.Identity(name="all_output")(below)
    x = layers.Flatten()(layers.Add()([x, below]))
    towers = {
        "a": keras.Model(inputs, x, name="a"),
        "b": small.tower("b", 6),
    }
    with pytest.raises(ValueError, match="reads nothing older."):
        gb.fuse(towers, 3, fusion="se_gate")


@pytest.mark.parametrize("fusion", small.EXCHANGING)
def test_padding_changes_nothing_in_the_other_modality(fusion):
    size = transformer.TransformerSize(num_blocks=2, width=8, dropout=0.0)
    towers = {
        "a": small.tower("a", 6),
        "text": transformer.build_transformer((5, 3), size),
    }
    network = gb.fuse(
        towers, 3, fusion=fusion, stage={"a": "low", "text": "block_0"}
    )
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign_add(np.abs(0.3 * rng.normal(size=variable.shape)))
    x = {"a": rng.normal(size=(2, 6)), "text": rng.normal(size=(2, 5, 3))}
    x["text"][:, 3:] = transformer.PADDING
    before = network(x)["a"]
    lower = network.get_layer("text_tower_lower")
    position = lower.get_layer("position_embedding")
    places = position.get_weights()[0]
    places[3:] += rng.normal(size=(2, 8))  # of the padded positions
    position.set_weights([places])
    np.testing.assert_allclose(network(x)["a"], before, atol=1e-5)
    places[:3] += rng.normal(size=(3, 8))  # of the real ones
    position.set_weights([places])
    assert np.any(np.abs(network(x)["a"] - before) > 1e-4)


@pytest.mark.large
@pytest.mark.parametrize(
    ("fusion", "options", "millions"),
    [
        ("concat", {}, 83.11),  # "nearly two times" the visual tower's 47
        ("mid_concat", {"stage": "stage_2"}, 49.11),  # 41 % fewer
        ("mid_concat", {"stage": "stage_3"}, 58.18),  # 30 % fewer
        # The paper's mid-concat has 37 % fewer: its stage is not told.
    ],
)
def test_parameters_of_the_papers_size(fusion, options, millions):
    towers = {
        "rgb": resnet3d.build_resnet3d((16, 224, 224, 3), 50),
        "audio": audio_resnet.build_audio_resnet((100, 40, 1), 50),
    }
    network = gb.fuse(towers, 400, fusion=fusion, **options)
    joint = keras.Model(network.input, network.output["joint"])
    count = sum(int(np.prod(v.shape)) for v in joint.trainable_variables)
    assert round(count / 1e6, 2) == millions


def test_tower_that_reads_its_input_past_the_stage_is_cut(tmp_path):
    inputs = keras.Input((4, 2))
    x = layers.Dense(2)(inputs)
    x = layers.Identity(name="all_output")(x)
    x = layers.GlobalAveragePooling1D()(layers.Add()([x, inputs]))
    towers = {
        "a": keras.Model(inputs, x, name="a_tower"),
        "b": small.tower("b", 6),
    }
    network = gb.fuse(towers, 3, fusion="se_gate")
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    x = {"a": np.ones((1, 4, 2)), "b": np.ones((1, 6))}
    for head, logits in network(x).items():
        np.testing.assert_allclose(again(x)[head], logits, atol=1e-6)
