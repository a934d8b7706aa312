"""The counting of multiply-adds."""

import keras
import pytest
from keras import layers

from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
from gblend_keras.towers import flops
from gblend_keras.towers import r2plus1d


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
