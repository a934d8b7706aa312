"""The audio ResNet: sizes, stem, end."""

import keras
import numpy as np

from gblend_keras.towers import audio_resnet
from tests.towers import contracts


def test_audio_sizes_are_those_of_vmz():
    tower = audio_resnet.build_audio_resnet(depth=18)
    sizes = {
        layer.name: layer.output.shape[1:3]
        for layer in tower.layers
        if layer.name.endswith("_output")
    }
    assert sizes == {
        "stem_output": (50, 20),
        "stage_1_output": (25, 10),
        "stage_2_output": (13, 5),
        "stage_3_output": (7, 3),
        "stage_4_output": (4, 2),
    }


def test_audio_tower_ends_in_a_maximum():
    tower = audio_resnet.build_audio_resnet((100, 40, 1), 18)
    maps = keras.Model(
        tower.inputs[0], tower.get_layer("stage_4_output").output
    )
    x = contracts.example(tower, 2)
    np.testing.assert_array_equal(tower(x), np.max(maps(x), axis=(1, 2)))


def test_epic_spectrograms_fit_the_audio_tower():
    tower = audio_resnet.build_audio_resnet((256, 256, 1), 18)
    assert tower.get_layer("stage_4_output").output.shape == (None, 8, 8, 512)


def test_stem_of_the_audio_tower_has_a_bias_and_no_norm():
    tower = audio_resnet.build_audio_resnet((33, 17, 1), 18)
    stem, block = tower.layers[1], tower.layers[2]
    assert stem.use_bias and stem.get_config()["activation"] == "linear"
    assert block.name.startswith("stem_block_0_conv_1")
