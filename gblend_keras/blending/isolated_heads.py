"""Heads in isolation: which may train side by side, and with what weights."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from gblend_keras.blending.model import BlendedModel
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


def isolate(model: BlendedModel, heads: list[str]) -> None:
    """Gives each of these heads its plain loss and the others none.

    The losses are summed, neither averaged nor scaled, so that each head
    trains as it would alone; the `loss_scale` does not apply.
    `assign_blend_weights` ends it.

    Args:
        model: A compiled model.
        heads: Names of heads.
    """
    model.head_weights.update(isolating_weights(model, heads))


def isolating_weights(
    model: BlendedModel, heads: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Returns the weights `(H,)` with which `isolate` trains heads alone."""
    chosen = np.array([head in heads for head in model.head_names], np.float32)
    fixed = model.head_weights.fixed_scale
    # A scale that follows from the weights is 1: one head a tower.
    return chosen / np.float32(fixed) if fixed else chosen
