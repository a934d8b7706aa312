"""Stages of towers, and towers cut at them."""

import keras
import numpy as np
import pytest
from keras import layers

from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
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
