"""Clip tower: channel-separated networks, ip-CSN and ir-CSN."""

import functools
from typing import Any

import keras
from keras import layers

from gblend_keras.towers import depthwise
from gblend_keras.towers import residual
from gblend_keras.towers import resnet3d

DEPTHS = (50, 101, 152)
MODES = ("ip", "ir")


def build_csn(
    input_shape: tuple[int | None, int | None, int | None, int] = (
        32,
        224,
        224,
        3,
    ),
    depth: int = 152,
    *,
    mode: str = "ip",
    pool1: bool = True,
    norm_epsilon: float = residual.VMZ_EPSILON,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "rgb_tower",
) -> keras.Model:
    """Builds a channel-separated network: one clip in, one feature vector out.

    The 3 x 3 x 3 convolution of every bottleneck is depth-wise. In ip-CSN
    (interaction-preserved) a 1 x 1 x 1 convolution and a norm go before it,
    without a ReLU between; in ir-CSN (interaction-reduced) nothing does.
    The paper uses ip-CSN-152 for Kinetics and EPIC-Kitchens.

    Source: Tran et al., ICCV 2019, as VMZ builds it.

    Args:
        input_shape: `(frames, height, width, channels)`: 3 channels for RGB,
            2 for flow. Frames, height and width may be None.
        depth: 50, 101 or 152.
        mode: "ip" or "ir".
        pool1: Halve height and width once more after the stem, as VMZ does.
        norm_epsilon: 1e-3 in VMZ and mmaction2.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, 2048)`, which
        names the stages `stem` and `stage_1` to `stage_4`.

    Raises:
        ValueError: If depth or mode is unknown or the shape does not fit.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_csn((8, 64, 64, 3), depth=50, mode="ir")
        >>> tower.output_shape
        (None, 2048)
    """
    residual.check_depth(depth, DEPTHS)
    if mode not in MODES:
        raise ValueError(
            f"`mode` is unknown. Expected one of {', '.join(MODES)}. "
            f"Received: mode={mode}. Choose one of these."
        )
    residual.check_input_shape(
        input_shape, ("frames", "height", "width", "channels")
    )
    make_conv = functools.partial(conv_csn, mode=mode, epsilon=norm_epsilon)
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="clip")
        x = inputs if preprocessing is None else preprocessing(inputs)
        x = resnet3d.stem(x, pool1=pool1, epsilon=norm_epsilon)
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


def conv_csn(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    block_channels: int,
    name: str,
    mode: str,
    epsilon: float,
) -> Any:
    """Returns a depth-wise convolution, in mode "ip" after a point-wise one."""
    del block_channels
    if mode == "ip":
        x = residual.conv(
            x, filters, (1, 1, 1), strides=(1, 1, 1), name=f"{name}_middle"
        )
        x = residual.norm(x, epsilon, name=f"{name}_middle_norm")
    return depthwise.DepthwiseConv3D(
        (strides[0], strides[1], strides[2]),
        kernel_initializer=residual.msra_fill(),
        name=name,
    )(x)
