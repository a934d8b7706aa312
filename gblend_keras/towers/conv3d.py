"""3-D convolutional tower: clips of video."""

import keras
from keras import layers


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
    """
    if len(input_shape) != 4:
        raise ValueError(
            "`input_shape` has a wrong number of axes. Expected "
            "(frames, height, width, channels). "
            f"Received: input_shape={input_shape}. "
            "Add a channel axis or choose another tower."
        )
    if not widths or min(widths) < 1:
        raise ValueError(
            "`widths` has no stage. Expected at least one width >= 1. "
            f"Received: widths={widths}. Use (16, 32)."
        )
    inputs = keras.Input(input_shape, name="clip")
    x = inputs if preprocessing is None else preprocessing(inputs)
    for stage, filters in enumerate(widths):
        x = layers.Conv3D(
            filters,
            kernel_size=3,
            strides=(1, 2, 2) if stage == 0 else 2,
            padding="same",
            use_bias=False,  # the norm below has the offset
            name=f"stage_{stage}_conv",
        )(x)
        x = layers.BatchNormalization(
            momentum=0.9,  # the paper's; 0.99 lags behind short trainings
            name=f"stage_{stage}_norm",
        )(x)
        x = layers.ReLU(name=f"stage_{stage}_output")(x)
    x = layers.GlobalAveragePooling3D(name="pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, x, name=name)
