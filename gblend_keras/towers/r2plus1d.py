"""Clip tower: R(2+1)D, residual networks that cut space from time."""

import functools
from typing import Any

import keras
from keras import layers

from gblend_keras.towers import residual
from gblend_keras.towers import resnet3d

STEM_MIDDLE_FILTERS = 45  # VMZ and torchvision


def build_r2plus1d(
    input_shape: tuple[int | None, int | None, int | None, int] = (
        16,
        112,
        112,
        3,
    ),
    depth: int = 34,
    *,
    pool1: bool = False,
    block_middle: bool = False,
    norm_epsilon: float = residual.VMZ_EPSILON,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "rgb_tower",
) -> keras.Model:
    """Builds R(2+1)D: one clip in, one feature vector out.

    Every 3 x 3 x 3 convolution becomes one of 1 x 3 x 3 to `M` channels, a norm
    and ReLU, and one of 3 x 1 x 1. `M` keeps the number of weights:
    `M = 27 * I * O / (9 * I + 3 * O)` for I channels in and O out.
    The paper uses depth 101 with 16 x 224 x 224 for AudioSet.

    Source: Tran et al., CVPR 2018, section 3.5, as VMZ builds it.

    Args:
        input_shape: `(frames, height, width, channels)`: 3 channels for RGB,
            2 for flow. Frames, height and width may be None.
        depth: 18, 34, 50, 101 or 152.
        pool1: Halve height and width once more after the stem. VMZ does so
            for crops of 224 and not for crops of 112.
        block_middle: Take I from the input of the block, not of each
            convolution. True only for torchvision's `r2plus1d_18`.
        norm_epsilon: 1e-3 in VMZ, 1e-5 in torchvision.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, features)`, with
        512 features up to depth 34 and 2048 from 50 on. It names the stages
        `stem` and `stage_1` to `stage_4`.

    Raises:
        ValueError: If the depth is unknown or the shape does not fit.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_r2plus1d((8, 56, 56, 3), name="rgb", depth=18)
        >>> tower.output_shape
        (None, 512)
    """
    residual.check_depth(depth, resnet3d.DEPTHS)
    residual.check_input_shape(
        input_shape, ("frames", "height", "width", "channels")
    )
    make_conv = functools.partial(
        conv_2plus1d, block_middle=block_middle, epsilon=norm_epsilon
    )
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="clip")
        x = inputs if preprocessing is None else preprocessing(inputs)
        x = stem(x, pool1=pool1, epsilon=norm_epsilon)
        x = residual.stages(
            x,
            residual.Stages(
                depth,
                [make_conv] * 4,
                resnet3d.STRIDES_3D,
                epsilon=norm_epsilon,
            ),
        )
        outputs = layers.GlobalAveragePooling3D(name="pool")(x)
        return keras.Model(inputs, outputs, name=name)


def stem(x: Any, *, pool1: bool, epsilon: float) -> Any:
    """Returns conv1, cut into 1 x 7 x 7 and 3 x 1 x 1, and perhaps a pool."""
    x = residual.conv(
        x,
        STEM_MIDDLE_FILTERS,
        (1, 7, 7),
        strides=(1, 2, 2),
        name="stem_conv_middle",
    )
    x = residual.norm(x, epsilon, name="stem_conv_middle_norm")
    x = layers.ReLU(name="stem_conv_middle_relu")(x)
    x = residual.conv(x, 64, (3, 1, 1), strides=(1, 1, 1), name="stem_conv")
    x = residual.norm(x, epsilon, name="stem_conv_norm")
    if not pool1:
        return layers.ReLU(name="stem_output")(x)
    return residual.pool1(layers.ReLU(name="stem_relu")(x))


def conv_2plus1d(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    block_channels: int,
    name: str,
    block_middle: bool,
    epsilon: float,
) -> Any:
    """Returns a convolution in space, norm, ReLU, and one in time."""
    channels = block_channels if block_middle else x.shape[-1]
    x = residual.conv(
        x,
        middle_filters(channels, filters),
        (1, 3, 3),
        strides=(1, *strides[1:]),
        name=f"{name}_middle",
    )
    x = residual.norm(x, epsilon, name=f"{name}_middle_norm")
    x = layers.ReLU(name=f"{name}_middle_relu")(x)
    return residual.conv(
        x, filters, (3, 1, 1), strides=(strides[0], 1, 1), name=name
    )


def middle_filters(num_inputs: int, num_outputs: int) -> int:
    """Returns the M that keeps the weights of a 3 x 3 x 3 convolution."""
    return (27 * num_inputs * num_outputs) // (9 * num_inputs + 3 * num_outputs)
