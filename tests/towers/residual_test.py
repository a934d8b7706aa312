"""All residual towers: contract, parameter counts, errors."""

import math

import keras
import numpy as np
import pytest

from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import residual
from gblend_keras.towers import resnet3d
from tests.towers import contracts

# Odd sizes, and the smallest depths of each family.
SMALL = {
    "r3d_18": lambda: resnet3d.build_resnet3d((3, 19, 17, 3), 18),
    "r3d_50_flow": lambda: resnet3d.build_resnet3d((2, 17, 17, 2), 50),
    "mc3": lambda: resnet3d.build_mc3((3, 19, 17, 3)),
    "r2plus1d_18": lambda: r2plus1d.build_r2plus1d((5, 17, 19, 3), 18),
    "ip_csn_50": lambda: csn.build_csn((3, 17, 19, 3), 50),
    "ir_csn_50": lambda: csn.build_csn((1, 33, 31, 2), 50, mode="ir"),
    "audio_18": lambda: audio_resnet.build_audio_resnet((33, 17, 1), 18),
}

# Trainable parameters of the tower, that is without the classifier's
# `features * classes + classes`. Each number has its source beside it.
FC_400_OF_512 = 512 * 400 + 400

COUNTS = [
    # torchvision's published counts, with their classifier
    (lambda: resnet3d.build_resnet3d(depth=18), 33_371_472 - FC_400_OF_512),
    (resnet3d.build_mc3, 11_695_440 - FC_400_OF_512),
    (
        lambda: r2plus1d.build_r2plus1d(depth=18, block_middle=True),
        31_505_325 - FC_400_OF_512,
    ),
]

FC_400_OF_2048 = 2048 * 400 + 400

MILLIONS = [
    # paper.md 3.3 and 4: counts in millions, rounded there
    ("audio_50", lambda: audio_resnet.build_audio_resnet(depth=50), 23.5, 1),
    ("audio_101", lambda: audio_resnet.build_audio_resnet(depth=101), 42.5, 1),
    ("audio_152", lambda: audio_resnet.build_audio_resnet(depth=152), 58.2, 1),
    ("r3d_50", lambda: resnet3d.build_resnet3d(depth=50), 47.0, 1),
    ("ip_csn_152", lambda: csn.build_csn(), 33.02, 2),
    ("ir_csn_152", lambda: csn.build_csn(mode="ir"), 29.70, 2),
    ("r2plus1d_34", lambda: r2plus1d.build_r2plus1d(depth=34), 63.70, 2),
    ("r2plus1d_152", lambda: r2plus1d.build_r2plus1d(depth=152), 118.23, 2),
]


def num_trainable(tower: keras.Model) -> int:
    return sum(math.prod(v.shape) for v in tower.trainable_variables)


QUICK = ("mc3", "audio_18")  # the others take 5 to 10 s each


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.large)
        for name in SMALL
    ],
)
def test_tower_keeps_the_contract(name, tmp_path):
    keras.utils.set_random_seed(1)
    contracts.check_tower(SMALL[name], tmp_path)


@pytest.mark.parametrize(("build", "expected"), COUNTS)
def test_parameter_count_is_that_of_torchvision(build, expected):
    assert num_trainable(build()) == expected


@pytest.mark.large
@pytest.mark.parametrize(("name", "build", "millions", "digits"), MILLIONS)
def test_parameter_count_is_the_published_one(name, build, millions, digits):
    tower = build()
    count = num_trainable(tower)
    if not name.startswith("audio"):  # the audio counts are without a head
        count += tower.output_shape[-1] * 400 + 400
    assert round(count / 1e6, digits) == millions


def test_pool1_halves_height_and_width_and_not_time():
    with_pool = resnet3d.build_resnet3d((4, 32, 32, 3), 18, pool1=True)
    without = resnet3d.build_resnet3d((4, 32, 32, 3), 18, pool1=False)
    stem = "stem_output"
    assert with_pool.get_layer(stem).output.shape[1:4] == (4, 8, 8)
    assert without.get_layer(stem).output.shape[1:4] == (4, 16, 16)


def test_any_clip_fits_a_tower_of_unknown_sizes():
    tower = csn.build_csn((None, None, None, 3), 50)
    fixed = csn.build_csn((5, 33, 47, 3), 50)
    fixed.set_weights(tower.get_weights())
    x = contracts.example(fixed, 1)
    np.testing.assert_allclose(tower(x), fixed(x), rtol=1e-4, atol=1e-5)


def test_stride_and_padding_are_symmetric():
    # By hand: kernel of ones, x = 1..4, zeros on both sides, stride 2 gives
    # 0+1+2 = 3 and 2+3+4 = 9. TensorFlow's "same" would give 6 and 7.
    inputs = keras.Input((4, 1, 1, 1))
    y = residual.conv(inputs, 1, (3, 1, 1), strides=(2, 1, 1), name="conv")
    model = keras.Model(inputs, y)
    model.get_layer("conv").kernel.assign(np.ones((3, 1, 1, 1, 1)))
    x = np.arange(1.0, 5.0).reshape(1, 4, 1, 1, 1).astype("float32")
    np.testing.assert_allclose(np.ravel(model(x)), [3.0, 9.0])


def test_preprocessing_is_part_of_the_tower():
    layer = keras.layers.Rescaling([1 / 2, 1 / 4], [-10 / 2, -20 / 4])
    inside = resnet3d.build_resnet3d(
        (2, 9, 9, 2), 18, pool1=False, preprocessing=layer
    )
    outside = resnet3d.build_resnet3d((2, 9, 9, 2), 18, pool1=False)
    outside.set_weights(inside.get_weights())
    x = np.random.default_rng(0).uniform(0, 255, (1, 2, 9, 9, 2))
    normalized = (x - [10.0, 20.0]) / [2.0, 4.0]
    np.testing.assert_allclose(
        inside(x.astype("float32")),
        outside(normalized.astype("float32")),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: resnet3d.build_resnet3d(depth=19), "Choose one of these"),
        (lambda: r2plus1d.build_r2plus1d(depth=0), "Choose one of these"),
        (lambda: csn.build_csn(depth=18), "Choose one of these"),
        (lambda: csn.build_csn(mode="xx"), "Choose one of these"),
        (lambda: audio_resnet.build_audio_resnet(depth=7), "Choose one of"),
        (
            lambda: resnet3d.build_resnet3d((16, 112, 3)),  # type: ignore
            "Leave the batch axis out",
        ),
        (
            lambda: resnet3d.build_mc3((16, 0, 112, 3)),
            "only the last axis must be known",
        ),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
