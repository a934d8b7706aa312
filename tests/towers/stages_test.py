"""Stages, depth-wise convolution and the counting of multiply-adds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
from gblend_keras.towers import depthwise
from gblend_keras.towers import flops
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import resnet3d
from gblend_keras.towers import stages
from gblend_keras.towers import transformer


def small_tower() -> keras.Model:
    inputs = keras.Input((6, 5))
    x = layers.Conv1D(4, 3, name="low_conv")(inputs)
    x = layers.Identity(name="low_output")(x)
    y = layers.Conv1D(4, 1, name="high_conv")(x)
    x = layers.Add(name="high_output")([x, y])
    return keras.Model(inputs, layers.Flatten()(x), name="mine")


def test_users_tower_offers_stages_by_layer_names():
    outputs = stages.stage_outputs(small_tower())
    assert list(outputs) == ["low", "high"]
    assert outputs["low"].shape == (None, 4, 4)


@pytest.mark.parametrize(
    "tower",
    [
        lambda: resnet3d.build_resnet3d((2, 9, 9, 3), 18),
        lambda: resnet3d.build_mc3((2, 9, 9, 3)),
        lambda: r2plus1d.build_r2plus1d((2, 9, 9, 3), 18),
        lambda: csn.build_csn((2, 9, 9, 3), 50),
        lambda: audio_resnet.build_audio_resnet((9, 9, 1), 18),
    ],
)
def test_every_residual_tower_names_the_same_stages(tower):
    names = ["stem", "stage_1", "stage_2", "stage_3", "stage_4"]
    assert list(stages.stage_outputs(tower())) == names


def test_transformer_names_its_blocks():
    tower = transformer.build_transformer((4, 3))
    names = ["embedding", "block_0", "block_1"]
    assert list(stages.stage_outputs(tower)) == names


def test_padding_mask_of_a_tower_is_found():
    tower = transformer.build_transformer((4, 3))
    x = np.ones((1, 4, 3), "float32")
    x[:, 3] = transformer.PADDING
    mask = keras.Model(tower.inputs[0], stages.padding_mask(tower))(x)
    assert np.asarray(mask).tolist() == [[True, True, True, False]]
    assert stages.padding_mask(small_tower()) is None


@pytest.mark.parametrize("stage", ["low", "high"])
def test_two_halves_compute_what_the_tower_does(stage):
    tower = small_tower()
    lower, upper = stages.split_tower(tower, stage)
    x = np.random.default_rng(0).normal(size=(2, 6, 5)).astype("float32")
    np.testing.assert_array_equal(upper(lower(x)), tower(x))
    assert {id(v) for v in lower.variables + upper.variables} == {
        id(v) for v in tower.variables
    }


def test_upper_part_is_built_anew_for_a_wider_map():
    tower = resnet3d.build_resnet3d((2, 17, 17, 3), 18, pool1=False)
    upper = stages.upper_like(tower, "stage_2", (1, 5, 5, 200), name="fused")
    y = upper(np.ones((1, 1, 5, 5, 200), "float32"))
    assert y.shape == (1, 512)
    mine = {id(variable) for variable in tower.variables}
    assert not mine & {id(variable) for variable in upper.variables}
    assert all(v.path.startswith("fused/") for v in upper.variables)


def test_tower_without_stages_is_refused():
    tower = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="End each stage with"):
        stages.stage_outputs(tower)


def test_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="Choose one of these"):
        stages.split_tower(small_tower(), "middle")


def test_tower_that_reads_past_its_stage_cannot_be_cut():
    inputs = keras.Input((4,))
    x = layers.Dense(4, name="low_output")(inputs)
    tower = keras.Model(inputs, layers.Add()([x, inputs]))
    with pytest.raises(ValueError, match="reads nothing older"):
        stages.split_tower(tower, "low")


def test_map_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="any number of channels"):
        stages.upper_like(small_tower(), "low", (4, 7), name="fused")


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2), (1, 2, 2)])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_depthwise_is_a_grouped_convolution(strides, frames):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, frames, 5, 6, 2)).astype("float32")
    layer = depthwise.DepthwiseConv3D(strides)
    y = np.asarray(layer(x))
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    kernel = np.asarray(layer.kernel)[:, :, :, 0]  # (3, 3, 3, C)
    for t, i, j in np.ndindex(y.shape[1:4]):
        at = [k * s for k, s in zip((t, i, j), strides, strict=True)]
        cube = padded[
            :, at[0] : at[0] + 3, at[1] : at[1] + 3, at[2] : at[2] + 3
        ]
        expected = np.sum(cube * kernel, axis=(1, 2, 3))
        np.testing.assert_allclose(y[:, t, i, j], expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == y.shape


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2)])
def test_depthwise_compiles_after_a_padded_convolution(strides):
    # TensorFlow 2.21 rewrote an earlier form of the layer to a wrong graph.
    inputs = keras.Input((8, 16, 16, 4))
    x = layers.ZeroPadding3D((1, 3, 3))(inputs)
    for kernel_size in (3, 1):
        x = layers.Conv3D(4, kernel_size, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.Model(inputs, depthwise.DepthwiseConv3D(strides)(x))
    compiled = tf.function(lambda x: model(x, training=False))
    x = tf.random.normal((2, 8, 16, 16, 4))
    np.testing.assert_allclose(compiled(x), model(x), rtol=1e-4, atol=1e-5)


def test_depthwise_strides_must_agree_in_space():
    with pytest.raises(ValueError, match="Use e.g."):
        depthwise.DepthwiseConv3D((1, 1, 2))


def test_multiply_adds_by_hand():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, strides=2)(inputs)  # 3 * 3 positions * 27 * 4
    x = layers.Conv2D(4, 3, padding="same", groups=2)(x)  # 9 * 9 * 2 * 4
    x = layers.DepthwiseConv2D(3, padding="same")(x)  # 9 * 9 * 4
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(x)
    inner = keras.Model(inputs, layers.Dense(5)(x))  # 4 * 5
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner])
    outer.add(layers.Dense(2))  # 5 * 2
    expected = 9 * 108 + 9 * 72 + 9 * 36 + 20 + 10
    assert flops.multiply_adds(outer) == expected


def test_multiply_adds_of_attention_by_hand():
    inputs = keras.Input((5, 6))
    x = layers.MultiHeadAttention(2, 3)(inputs, inputs)
    # Four projections 6 x 6 for 5 positions; scores 5 * 5 * 6, sum 5 * 5 * 6.
    expected = 4 * 5 * 36 + 2 * 25 * 6
    assert flops.multiply_adds(keras.Model(inputs, x)) == expected


def test_shared_layer_cannot_be_counted():
    inputs = keras.Input((4,))
    dense = layers.Dense(4)
    model = keras.Model(inputs, dense(dense(inputs)))
    with pytest.raises(ValueError, match="one by one"):
        flops.multiply_adds(model)


def test_unknown_size_cannot_be_counted():
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, layers.Conv1D(2, 3)(inputs))
    with pytest.raises(ValueError, match="fixed `input_shape`"):
        flops.multiply_adds(model)


@pytest.mark.large
def test_multiply_adds_are_those_of_table_6():
    # The paper's 110.1 is ip-CSN-152 on 256 x 256 crops, read fully
    # convolutionally (so that the joint head sees 2 x 2 positions), and the
    # audio tower once. The joint head: 4096 -> 2048 -> 2048 -> 400.
    clip = flops.giga_multiply_adds(csn.build_csn((32, 256, 256, 3), 152))
    audio = flops.giga_multiply_adds(
        audio_resnet.build_audio_resnet((100, 40, 1), 152)
    )
    head = (4096 * 2048 + 2048 * 2048 + 2048 * 400) / 1e9
    assert round(clip, 1) == 108.8  # the paper's ip-CSN-152 alone
    assert round(audio, 3) == 1.244
    assert round(clip + audio + 4 * head, 1) == 110.1


@pytest.mark.large
@pytest.mark.parametrize(
    ("build", "gigas"),
    [
        (lambda: csn.build_csn((32, 256, 256, 3), 152, mode="ir"), 96.7),
        (lambda: r2plus1d.build_r2plus1d((32, 128, 128, 3), 34), 199.0),
        (lambda: r2plus1d.build_r2plus1d((32, 128, 128, 3), 152), 329.1),
    ],
)
def test_multiply_adds_are_those_of_vmz_model_zoo(build, gigas):
    # The zoo counts the crops of its tests: 256 for 224, and 128 for 112.
    assert round(flops.giga_multiply_adds(build()), 1) == gigas
