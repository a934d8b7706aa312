"""Plain convolutional towers over 1, 2 or 3 axes.

1-D: sensors and other series over time. 2-D: images, spectrograms, or frames
as channels. 3-D: clips of video.
"""

from typing import Any
from typing import NamedTuple

import keras
from keras import layers


class _Rank(NamedTuple):
    """What differs from one number of axes to another."""

    axes: str
    input_name: str
    conv: type[layers.Layer]
    pool: type[layers.Layer]
    first_strides: int | tuple[int, ...]


_RANKS = {
    1: _Rank(
        "(steps, channels)",
        "series",
        layers.Conv1D,
        layers.GlobalAveragePooling1D,
        1,
    ),
    2: _Rank(
        "(height, width, channels)",
        "image",
        layers.Conv2D,
        layers.GlobalAveragePooling2D,
        1,
    ),
    3: _Rank(
        "(frames, height, width, channels)",
        "clip",
        layers.Conv3D,
        layers.GlobalAveragePooling3D,
        (1, 2, 2),
    ),
}


def build_conv1d(
    input_shape: tuple[int | None, int],
    *,
    widths: tuple[int, ...] = (16, 32, 64, 128),
    dropout: float = 0.0,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "conv1d_tower",
) -> keras.Model:
    """Builds a plain 1-D convolutional network with global average pooling.

    Each stage is a convolution, batch normalisation and ReLU. The first stage
    keeps the resolution, every later one halves it.

        tower = gb.build_conv1d((128, 6), widths=(16, 32))

    Args:
        input_shape: `(steps, channels)`.
            Any of them but the channels may be None.
        widths: Filters of each stage; the last is the feature size.
        dropout: Share of the features dropped in training.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, widths[-1])`.

    Raises:
        ValueError: If the shape has other axes, or there is no stage.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_conv1d((50, 3), name="tower", widths=(8, 16)).output_shape
        (None, 16)
    """
    return _build(1, input_shape, widths, dropout, preprocessing, name)


def build_conv2d(
    input_shape: tuple[int | None, int | None, int],
    *,
    widths: tuple[int, ...] = (16, 32, 64, 128),
    dropout: float = 0.0,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "conv2d_tower",
) -> keras.Model:
    """Builds a plain 2-D convolutional network with global average pooling.

    Each stage is a convolution, batch normalisation and ReLU. The first stage
    keeps the resolution, every later one halves it.

        tower = gb.build_conv2d((28, 28, 1), widths=(16, 32))

    Args:
        input_shape: `(height, width, channels)`.
            Any of them but the channels may be None.
        widths: Filters of each stage; the last is the feature size.
        dropout: Share of the features dropped in training.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, widths[-1])`.

    Raises:
        ValueError: If the shape has other axes, or there is no stage.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_conv2d((32, 32, 3), name="a", widths=(8, 16)).output_shape
        (None, 16)
    """
    return _build(2, input_shape, widths, dropout, preprocessing, name)


def build_conv3d(
    input_shape: tuple[int | None, int | None, int | None, int],
    *,
    widths: tuple[int, ...] = (16, 32, 64, 128),
    dropout: float = 0.0,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "conv3d_tower",
) -> keras.Model:
    """Builds a plain 3-D convolutional network with global average pooling.

    Each stage is a convolution, batch normalisation and ReLU. The first stage
    halves height and width alone, as the stems of video networks do; every
    later one halves all three.

        tower = gb.build_conv3d((16, 64, 64, 3), widths=(16, 32))

    Args:
        input_shape: `(frames, height, width, channels)`.
            Any of them but the channels may be None.
        widths: Filters of each stage; the last is the feature size.
        dropout: Share of the features dropped in training.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, widths[-1])`.

    Raises:
        ValueError: If the shape has other axes, or there is no stage.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_conv3d((8, 16, 16, 1), name="rgb", widths=(8, 16))
        >>> tower.output_shape
        (None, 16)
    """
    return _build(3, input_shape, widths, dropout, preprocessing, name)


def _build(
    rank: int,
    input_shape: tuple[int | None, ...],
    widths: tuple[int, ...],
    dropout: float,
    preprocessing: keras.layers.Layer | None,
    name: str,
) -> keras.Model:
    kind = _RANKS[rank]
    if len(input_shape) != rank + 1:
        raise ValueError(
            "`input_shape` has a wrong number of axes. Expected "
            f"{kind.axes}. Received: input_shape={input_shape}. "
            "Add a channel axis or choose another tower."
        )
    if not widths or min(widths) < 1:
        raise ValueError(
            "`widths` has no stage. Expected at least one width >= 1. "
            f"Received: widths={widths}. Use (16, 32)."
        )
    inputs = keras.Input(input_shape, name=kind.input_name)
    x: Any = inputs if preprocessing is None else preprocessing(inputs)
    for stage, filters in enumerate(widths):
        x = kind.conv(
            filters,
            kernel_size=3,
            strides=kind.first_strides if stage == 0 else 2,
            padding="same",
            use_bias=False,  # the norm below has the offset
            name=f"stage_{stage}_conv",
        )(x)
        x = layers.BatchNormalization(
            momentum=0.9,  # the paper's; 0.99 lags behind short trainings
            name=f"stage_{stage}_norm",
        )(x)
        x = layers.ReLU(name=f"stage_{stage}_output")(x)
    x = kind.pool(name="pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, x, name=name)
