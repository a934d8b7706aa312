"""Trains heads in isolation for a few epochs, inside a running `fit`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from gblend_keras.blending import fit_arguments
from gblend_keras.blending.model import BlendedModel
from gblend_keras.distribution import keras_loops
from gblend_keras.distribution import keras_private
from gblend_keras.heads import JOINT

# Optimizers of Keras that treat each variable by itself: with these, what one
# tower's gradients are does not touch another tower.
SEPARABLE_OPTIMIZERS = (
    keras.optimizers.SGD,
    keras.optimizers.RMSprop,
    keras.optimizers.Adam,
    keras.optimizers.AdamW,
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Adamax,
    keras.optimizers.Adafactor,
    keras.optimizers.Nadam,
    keras.optimizers.Ftrl,
    keras.optimizers.Lion,
    keras.optimizers.Lamb,
)


def head_passes(model: BlendedModel) -> list[list[str]]:
    """Returns the heads that each pass of an estimate trains.

    Modality heads that share no variable train truly alone in one pass, with
    weights 1, 1, ..., 0. So an estimate costs two passes however many
    modalities there are. Where that is not lawful, each head gets a pass.

    Ours: the paper trains k + 1 networks, one after another.

    Args:
        model: A compiled model.
    """
    heads = model.modality_heads
    if heads_are_independent(model):
        return [heads, [JOINT]] if heads else [[JOINT]]
    return [[head] for head in model.head_names]


def heads_are_independent(model: BlendedModel) -> bool:
    """Says if modality heads can train side by side without touching.

    They can when no two of them depend on one variable (weights, batch-norm
    statistics or random states), and the optimizer treats each variable by
    itself: a known one, without clipping by the global norm.
    """
    if len(model.modality_heads) < 2:
        return True
    return _optimizer_is_separable(model.optimizer) and _towers_are_private(
        model
    )


def _optimizer_is_separable(optimizer: keras.optimizers.Optimizer) -> bool:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    # Exact types: a subclass may do anything in its update step.
    return (
        type(optimizer) in SEPARABLE_OPTIMIZERS
        and optimizer.global_clipnorm is None
    )


def _towers_are_private(model: BlendedModel) -> bool:
    seen: set[int] = set()
    for head in model.modality_heads:
        part = keras.Model(model.network.input, model.network.output[head])
        variables = {id(variable) for variable in part.variables}
        if variables & seen:
            return False
        seen |= variables
    return True


def train_heads(
    model: BlendedModel,
    heads: list[str],
    dataset: Any,
    *,
    initial_epoch: int,
    epochs: int,
    settings: fit_arguments.FitSettings,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Trains only these heads, with the model's own compiled step.

    Learning-rate schedules run as they would have run in these epochs.

    Args:
        model: The model inside whose `fit` this happens.
        heads: Heads that train; the others get no loss.
        dataset: T, as `fit` takes it.
        initial_epoch: N, epochs trained so far.
        epochs: n, epochs to train.
        settings: The settings of the outer `fit`.
        callbacks: Callbacks for these epochs, such as a progress bar.
    """
    isolate(model, heads)
    with _undisturbed(model), keras_loops.unknown_length():
        keras_loops.fit(
            model,
            {
                "x": dataset,
                "initial_epoch": initial_epoch,
                "epochs": initial_epoch + epochs,
                "steps_per_epoch": settings.steps_per_epoch,
                "class_weight": settings.class_weight,
                "verbose": 0,
                "shuffle": False,  # a dataset shuffles itself
                "callbacks": [
                    fit_arguments.LossGuard(model.head_names),
                    fit_arguments.EpochStarter(dataset),
                    *settings.schedules,
                    *callbacks,
                ],
            },
        )
    model.reset_metrics()


def isolate(model: BlendedModel, heads: list[str]) -> None:
    """Gives each of these heads its plain loss and the others none.

    The losses are summed, neither averaged nor scaled, so that each head
    trains as it would alone; the `loss_scale` does not apply.
    `assign_blend_weights` ends it.

    Args:
        model: A compiled model.
        heads: Names of heads.
    """
    chosen = np.array([head in heads for head in model.head_names])
    model.head_weights.update(
        chosen.astype(np.float32) / np.float32(model.loss_scale)
    )


@contextmanager
def _undisturbed(model: BlendedModel) -> Iterator[None]:
    """Makes an inner `fit` nothing but the epochs that it is asked for.

    What it would overwrite of the outer one is kept. At its end an optimizer
    would put its moving averages into the weights: that is for the end of
    training, and what a pass has learned is measured without it.
    """
    names = (
        "history",
        "stop_training",
        keras_private.INITIAL_EPOCH,
        keras_private.EVALUATION_ITERATOR,
    )
    kept = {name: vars(model)[name] for name in names if name in vars(model)}
    setattr(model, keras_private.INITIAL_EPOCH, None)
    model.optimizer.finalize_variable_values = lambda _: None
    try:
        yield
    finally:
        del model.optimizer.finalize_variable_values
        for name, value in kept.items():  # none outside of any `fit`
            setattr(model, name, value)
