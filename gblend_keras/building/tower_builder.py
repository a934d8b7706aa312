"""A recipe's settings of a tower -> the tower, with its standardisation."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from gblend_keras import config
from gblend_keras.data import example_set
from gblend_keras.towers import application
from gblend_keras.towers import audio_resnet
from gblend_keras.towers import conv
from gblend_keras.towers import csn
from gblend_keras.towers import hub
from gblend_keras.towers import mlp
from gblend_keras.towers import pointnet
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import resnet3d
from gblend_keras.towers import transformer

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "mlp": mlp.build_mlp,
    "conv1d": conv.build_conv1d,
    "conv2d": conv.build_conv2d,
    "conv3d": conv.build_conv3d,
    "resnet3d": resnet3d.build_resnet3d,
    "r2plus1d": r2plus1d.build_r2plus1d,
    "csn": csn.build_csn,
    "audio_resnet": audio_resnet.build_audio_resnet,
    "pointnet": pointnet.build_pointnet,
    "transformer": transformer.build_transformer,
    "application": application.build_application,
    "hub": hub.build_hub,
}
SMALL = ("mlp", "conv1d", "conv2d", "conv3d")
RESIDUAL = ("resnet3d", "r2plus1d", "csn", "audio_resnet")
# What `variant` is called in the builders that have one.
VARIANTS = {"csn": "mode", "application": "application", "hub": "handle"}
# PointNet without its matrices and with fewer features costs a thirteenth.
POINTNETS: dict[str, dict[str, Any]] = {
    "small": {"align": False, "num_features": 128}
}
# A feature that varied less than this share of the mean deviation counts as
# constant: a new value of it is not blown up.
CONSTANT = 1e-3


def build_tower(
    modality: str,
    settings: config.TowerConfig,
    examples: example_set.ExampleSet,
) -> keras.Model:
    """Builds one tower of a recipe.

    Args:
        modality: Names the tower.
        settings: Kind, widths, dropout and standardisation.
        examples: The training set.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> train = gb.data.load(recipe.data, data_dir=None).train
        >>> settings = gb.config.TowerConfig(kind="conv2d", widths=(8, 16))
        >>> tower = gb.building.build_tower("image", settings, train)
        >>> tower.name, tower.output_shape
        ('image_tower', (None, 16))
    """
    shape = examples.shapes[modality]
    kind: str = settings.kind
    if kind == "auto":
        by_axes = {1: "mlp", 2: "conv1d", 3: "conv2d", 4: "conv3d"}
        kind = by_axes.get(len(shape), "mlp")
    try:
        return BUILDERS[kind](
            shape,
            name=f"{modality}_tower",
            **_arguments(kind, settings, modality, examples),
        )
    except ValueError as error:
        raise ValueError(f"Tower of modality '{modality}': {error}") from error


def _arguments(
    kind: str,
    settings: config.TowerConfig,
    modality: str,
    examples: example_set.ExampleSet,
) -> dict[str, Any]:
    """Returns what the builder of a kind takes of the settings."""
    arguments: dict[str, Any] = {}
    if kind in SMALL:
        arguments |= {"widths": settings.widths, "dropout": settings.dropout}
    if kind in RESIDUAL and settings.depth:
        arguments["depth"] = settings.depth
    if kind in VARIANTS and settings.variant:
        arguments[VARIANTS[kind]] = settings.variant
    if kind == "pointnet" and settings.variant:
        config.check_choice(
            "towers.variant", settings.variant, tuple(POINTNETS)
        )
        arguments |= POINTNETS[settings.variant]
    if kind in (*SMALL, *RESIDUAL) and settings.standardize != "none":
        arguments["preprocessing"] = standardization(
            settings.standardize, examples.sample(modality)
        )
    elif settings.standardize != "none":
        raise ValueError(
            f"`standardize` cannot be used with kind '{kind}'. Expected "
            f"'none'. Received: standardize={settings.standardize!r}. "
            "Set it to none, and scale the data beforehand."
        )
    return arguments


def standardization(
    scope: str, examples: example_set.Array
) -> keras.layers.Layer:
    """Builds the layer that subtracts a mean and divides by a deviation.

    With "element" each feature, with "channel" each channel has mean 0 and
    deviation 1 in training. With "element_floored" and "channel_floored" those
    have less that vary less than the others: they are divided by the mean
    deviation.

    Args:
        scope: As in `TowerConfig`; not "none".
        examples: Shape `(examples, ...)`.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> examples = np.array([[1.0, 4.0], [3.0, 6.0]])
        >>> layer = gb.building.standardization("element", examples)
        >>> np.asarray(layer(examples)).round(2).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
    """
    values = examples.astype(np.float32)
    num_axes = values.ndim
    kept = tuple(range(1, num_axes))
    if scope.startswith("channel"):
        kept = (num_axes - 1,)
    over = tuple(axis for axis in range(num_axes) if axis not in kept)
    mean = values.mean(axis=over)
    deviation = values.std(axis=over)
    typical = deviation.mean()
    floored = scope.endswith("_floored")
    smallest = typical if floored else CONSTANT * typical
    deviation[deviation < smallest] = typical
    deviation[deviation == 0] = 1.0  # a constant modality stays 0
    layer = keras.layers.Normalization(axis=kept, name="standardisation")
    # Two rows with just this mean and deviation: `adapt` keeps them as
    # weights, where constants would fill the model's configuration.
    rows = np.stack([mean - deviation, mean + deviation])
    full_shape = (2, *[1] * (num_axes - 1 - len(kept)), *mean.shape)
    layer.adapt(rows.reshape(full_shape))
    return layer
