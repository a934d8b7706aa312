"""Fully connected tower: any input, flattened."""

import keras
from keras import layers


def build_mlp(
    input_shape: tuple[int, ...],
    *,
    widths: tuple[int, ...] = (128,),
    dropout: float = 0.0,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "mlp_tower",
) -> keras.Model:
    """Builds a fully connected tower.

    Args:
        input_shape: Shape of one example, without the batch axis.
        widths: Units of each hidden layer; the last is the feature size.
        dropout: Share of the features dropped in training.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, widths[-1])`.

    Raises:
        ValueError: If there is no layer.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_mlp((6,), name="audio_tower").output_shape
        (None, 128)
    """
    if not widths or min(widths) < 1:
        raise ValueError(
            "`widths` has no layer. Expected at least one width >= 1. "
            f"Received: widths={widths}. Use (128,)."
        )
    inputs = keras.Input(input_shape, name="features")
    x = inputs if preprocessing is None else preprocessing(inputs)
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate(widths):
        x = layers.Dense(units, activation="relu", name=f"dense_{index}")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, x, name=name)
