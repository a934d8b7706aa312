"""A recipe and its data -> a compiled `BlendedModel`."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.blending.model import BlendedModel
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import starts
from gblend_keras.data import example_set
from gblend_keras.fusion import network as networks
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
# A feature that hardly varied in training is not blown up: its deviation is
# taken as at least this share of the mean one.
SMALLEST_DEVIATION = 1.0


def build_model(
    recipe: config.Recipe,
    splits: example_set.Splits,
    rule: rules.Rule | None = None,
) -> BlendedModel:
    """Builds and compiles the model of a recipe for a set of examples.

    The training set's means and deviations become layers of the towers, so
    the saved model takes raw arrays.

    Args:
        recipe: Towers and training settings.
        splits: The data.
        rule: What a method changes in a training step.

    Returns:
        A compiled model; its blend weights are uniform.

    Raises:
        ValueError: If a tower does not fit its modality, or a setting does
            not go with the strategy.
    """
    earlier = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.train.precision)
    try:
        network = build_network(recipe, splits)
    finally:
        keras.config.set_dtype_policy(earlier)
    model = BlendedModel(
        network, multi_label=splits.train.y.ndim == 2, rule=rule
    )
    model.compile(
        optimizer=make_optimizer(
            recipe.train,
            num_replicas=tf.distribute.get_strategy().num_replicas_in_sync,
        ),
        metrics=["accuracy"],
        loss_scale=recipe.train.loss_scale or None,
        steps_per_execution=recipe.train.steps_per_execution,
        jit_compile=recipe.train.jit_compile,
        learning_rate_factors={
            name: tower.learning_rate_factor
            for name, tower in recipe.towers.items()
        },
    )
    return model


def build_network(
    recipe: config.Recipe, splits: example_set.Splits
) -> keras.Model:
    """Builds the network of a recipe, under the Keras policy of the moment."""
    unknown = [
        name for name in recipe.towers if name not in splits.train.shapes
    ]
    if unknown:
        raise ValueError(
            "`towers` names modalities that the data lacks. Expected some of "
            f"{list(splits.train.shapes)}. Received: {unknown}. "
            "Correct the names, or `data.modalities`."
        )
    towers = {
        name: build_tower(
            name, recipe.towers.get(name, config.TowerConfig()), splits.train
        )
        for name in splits.train.shapes
    }
    for name, tower in towers.items():
        if recipe.towers.get(name, config.TowerConfig()).frozen:
            tower.trainable = False
    fused = networks.fuse(
        towers,
        len(splits.class_names),
        fusion=recipe.fusion.name,
        hidden_units=recipe.train.hidden_units or None,
        dropout=recipe.train.fusion_dropout,
        **recipe.fusion.options(),
    )
    penalize_kernels(fused, recipe.train.l2)
    return fused


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
    """Builds the layer that gives training features mean 0 and deviation 1.

    Args:
        scope: "channel" or "element", as in `TowerConfig`.
        examples: Shape `(examples, ...)`.
    """
    values = examples.astype(np.float32)
    num_axes = values.ndim
    kept = tuple(range(1, num_axes)) if scope == "element" else (num_axes - 1,)
    over = tuple(axis for axis in range(num_axes) if axis not in kept)
    mean = values.mean(axis=over)
    deviation = values.std(axis=over)
    deviation = np.maximum(deviation, SMALLEST_DEVIATION * deviation.mean())
    deviation[deviation == 0] = 1.0  # a constant modality stays 0
    layer = keras.layers.Normalization(axis=kept, name="standardisation")
    # Two rows with just this mean and deviation: `adapt` keeps them as
    # weights, where constants would fill the model's configuration.
    rows = np.stack([mean - deviation, mean + deviation])
    full_shape = (2, *[1] * (num_axes - 1 - len(kept)), *mean.shape)
    layer.adapt(rows.reshape(full_shape))
    return layer


def make_optimizer(
    settings: config.TrainConfig, *, num_replicas: int = 1
) -> keras.Optimizer:
    """Returns the optimizer of a recipe."""
    common: dict[str, Any] = {
        "learning_rate": learning_rate(settings, num_replicas),
        "weight_decay": settings.weight_decay or None,
    }
    if settings.gradient_accumulation_steps > 1:  # Keras refuses 1
        common["gradient_accumulation_steps"] = (
            settings.gradient_accumulation_steps
        )
    if settings.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(_plain(settings, common))
    return _plain(settings, common)


def _plain(
    settings: config.TrainConfig, common: dict[str, Any]
) -> keras.Optimizer:
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(**common)
    return keras.optimizers.SGD(
        momentum=settings.momentum, nesterov=settings.nesterov, **common
    )


def learning_rate(settings: config.TrainConfig, num_replicas: int) -> float:
    """Returns the rate after warm-up."""
    factor = num_replicas if settings.per_replica else 1
    return settings.learning_rate * factor


def make_schedule(
    settings: config.TrainConfig,
    *,
    num_replicas: int = 1,
    phases: Sequence[Phase] = (),
) -> keras.callbacks.LearningRateScheduler:
    """Returns the schedule: the rate of an epoch, whatever ran before.

    The rate grows linearly over the warm-up's epochs, and is divided by 10 at
    each drop. Each phase has the whole schedule.

    Source: VMZ, pt/vmz/common/scheduler.py.
    Ours: the warm-up grows by epoch, not by step, so that an epoch's rate
    does not depend on the number of steps.

    Args:
        settings: The training part of a recipe.
        num_replicas: Of the strategy that trains.
        phases: Of the method. None: one, of the recipe's epochs.
    """
    full = learning_rate(settings, num_replicas)
    phases = phases or [Phase(settings.epochs)]
    begins = starts(phases)

    def rate(epoch: int, _: float) -> float:
        index = sum(epoch >= begin for begin in begins) - 1
        drops = sum(
            epoch - begins[index] >= round(share * phases[index].epochs)
            for share in settings.drop_at
        )
        warm = min(1.0, (epoch + 1) / max(settings.warmup_epochs, 1))
        return full * warm * 0.1**drops

    return keras.callbacks.LearningRateScheduler(rate)


def penalize_kernels(model: keras.Model, l2: float) -> None:
    """Adds `l2 / 2 * |w|**2` of every kernel to the loss.

    Its gradient is `l2 * w`: weight decay as Caffe2 and PyTorch mean it,
    inside the momentum. Biases and batch-norm are left out, as in Caffe2.

    Args:
        model: A built model.
        l2: The factor; 0 for none.
    """
    if not l2:
        return
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.regularizer = keras.regularizers.L2(l2 / 2)
