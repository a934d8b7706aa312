"""Image tower: any network of `keras.applications`, by name."""

import inspect
from typing import Any

import keras


def application_names() -> tuple[str, ...]:
    """Returns the networks that `build_application` knows, sorted."""
    return tuple(sorted(_constructors()))


def build_application(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    application: str = "ResNet50",
    *,
    weights: str | None = None,
    trainable: bool = True,
    name: str = "image_tower",
) -> keras.Model:
    """Builds an image tower from a network of `keras.applications`.

    Pixels go in as they come from a file, 0 to 255 in the order RGB: what the
    network's own `preprocess_input` does is part of the tower.

    Args:
        input_shape: `(height, width, channels)`. Each network has a smallest
            size; its own error names it.
        application: The name of the network, as in `keras.applications`.
        weights: None for random ones, "imagenet" (downloaded by Keras, 3
            channels only), or the path of a weights file.
        trainable: False freezes the network, its batch norms too.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, height, width, channels) ->
        (batch, features)`, the features averaged over space.

    Raises:
        ValueError: If Keras has no network of this name, or refuses the shape.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_application((32, 32, 3), "MobileNet")
        >>> tower.output_shape
        (None, 1024)
    """
    known = _constructors()
    if application not in known:
        raise ValueError(
            "`application` is unknown. Expected one of "
            f"{', '.join(application_names())}. "
            f"Received: application={application}. Choose one of these."
        )
    constructor, preprocess = known[application]
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="image")
        network = constructor(
            include_top=False,
            weights=weights,
            # Three channels: what the networks know. Others are taken as is.
            input_tensor=preprocess(inputs) if input_shape[-1] == 3 else inputs,
            input_shape=input_shape,
            pooling="avg",
        )
        tower = keras.Model(inputs, network.outputs[0], name=name)
    tower.trainable = trainable
    return tower


def _constructors() -> dict[str, tuple[Any, Any]]:
    """Returns `{name: (constructor, preprocess_input)}`, found in Keras."""
    modules = inspect.getmembers(keras.applications, inspect.ismodule)
    preprocess = {
        name: module.preprocess_input
        for _, module in modules
        for name, _ in inspect.getmembers(module, inspect.isfunction)
        if hasattr(module, "preprocess_input")
    }
    return {
        # MobileNetV3 stands in no module: it preprocesses inside.
        name: (constructor, preprocess.get(name, lambda x: x))
        for name, constructor in inspect.getmembers(
            keras.applications, inspect.isfunction
        )
    }
