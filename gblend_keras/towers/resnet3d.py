"""Clip tower: 3-D residual networks, R3D and MC3."""

from typing import Any

import keras
from keras import layers

from gblend_keras.towers import residual

DEPTHS = (18, 34, 50, 101, 152)
STRIDES_3D = ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
STRIDES_MC3 = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2))


def build_resnet3d(
    input_shape: tuple[int | None, int | None, int | None, int] = (
        16,
        224,
        224,
        3,
    ),
    depth: int = 50,
    *,
    pool1: bool = True,
    norm_epsilon: float = residual.VMZ_EPSILON,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "rgb_tower",
) -> keras.Model:
    """Builds R3D: one clip in, one feature vector out.

    The paper's ablations use depth 50 for RGB and for optical flow.

    Source: Tran et al., CVPR 2018 (R3D), as VMZ builds it.

    Args:
        input_shape: `(frames, height, width, channels)`: 3 channels for RGB,
            2 for flow. Frames, height and width may be None.
        depth: 18, 34, 50, 101 or 152.
        pool1: Halve height and width once more after the stem. VMZ does so
            for crops of 224 and not for crops of 112.
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
        >>> tower = gb.build_resnet3d((8, 56, 56, 3), name="rgb", depth=18)
        >>> tower.output_shape
        (None, 512)
    """
    residual.check_depth(depth, DEPTHS)
    residual.check_input_shape(
        input_shape, ("frames", "height", "width", "channels")
    )
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="clip")
        x = inputs if preprocessing is None else preprocessing(inputs)
        x = stem(x, pool1=pool1, epsilon=norm_epsilon)
        x = residual.stages(
            x,
            residual.Stages(
                depth, [conv_3d] * 4, STRIDES_3D, epsilon=norm_epsilon
            ),
        )
        outputs = layers.GlobalAveragePooling3D(name="pool")(x)
        return keras.Model(inputs, outputs, name=name)


def build_mc3(
    input_shape: tuple[int | None, int | None, int | None, int] = (
        16,
        112,
        112,
        3,
    ),
    *,
    norm_epsilon: float = 1e-5,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "rgb_tower",
) -> keras.Model:
    """Builds MC3-18: 3-D convolutions in stage 1, 2-D ones of frames after it.

    Time is never halved. Here because torchvision publishes weights of it.

    Source: Tran et al., CVPR 2018 (MC3), as torchvision's `mc3_18` has it.

    Args:
        input_shape: `(frames, height, width, channels)`; all but the channels
            may be None.
        norm_epsilon: 1e-5 in torchvision.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, 512)`, which names
        the stages `stem` and `stage_1` to `stage_4`.

    Raises:
        ValueError: If the shape does not fit.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_mc3((8, 56, 56, 3), name="tower").output_shape
        (None, 512)
    """
    residual.check_input_shape(
        input_shape, ("frames", "height", "width", "channels")
    )
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="clip")
        x = inputs if preprocessing is None else preprocessing(inputs)
        x = stem(x, pool1=False, epsilon=norm_epsilon)
        x = residual.stages(
            x,
            residual.Stages(
                18,
                [conv_3d, conv_frames, conv_frames, conv_frames],
                STRIDES_MC3,
                epsilon=norm_epsilon,
            ),
        )
        outputs = layers.GlobalAveragePooling3D(name="pool")(x)
        return keras.Model(inputs, outputs, name=name)


def stem(x: Any, *, pool1: bool, epsilon: float) -> Any:
    """Returns conv1 of 3 x 7 x 7, its norm and ReLU, and perhaps a pool."""
    x = residual.conv(x, 64, (3, 7, 7), strides=(1, 2, 2), name="stem_conv")
    x = residual.norm(x, epsilon, name="stem_conv_norm")
    if not pool1:
        return layers.ReLU(name="stem_output")(x)
    return residual.pool1(layers.ReLU(name="stem_relu")(x))


def conv_3d(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    block_channels: int,
    name: str,
) -> Any:
    """Returns a 3 x 3 x 3 convolution."""
    del block_channels
    return residual.conv(x, filters, (3, 3, 3), strides=strides, name=name)


def conv_frames(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    block_channels: int,
    name: str,
) -> Any:
    """Returns a 1 x 3 x 3 convolution: each frame by itself."""
    del block_channels
    return residual.conv(x, filters, (1, 3, 3), strides=strides, name=name)
