"""Phases: which heads are trained in which epochs of a run."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from gblend_keras.blending import fit_arguments
from gblend_keras.blending import isolated_heads


class Phase(NamedTuple):
    """Some epochs in a row in which the same heads are trained.

    Attributes:
        epochs: How many.
        heads: Heads that train on their plain losses, the others on none;
            None for all heads, on their weighted losses.

    Example:
        >>> import gblend_keras as gb
        >>> phases = [gb.callbacks.Phase(5, ("sound",)), gb.callbacks.Phase(20)]
        >>> sum(phase.epochs for phase in phases)
        25
    """

    epochs: int
    heads: tuple[str, ...] | None = None


class PhaseStarter(fit_arguments.BlendCallback):
    """Sets the heads' weights when a phase begins.

    A later phase starts with a fresh optimizer, as a training of its own
    would. Inside a phase nothing happens, so a resumed run keeps the weights
    of its checkpoint.

    Args:
        phases: In order, from epoch 0 on.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> first = gb.callbacks.Phase(1, heads=("sound",))
        >>> starter = gb.callbacks.PhaseStarter([first, gb.callbacks.Phase(2)])
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> _ = model.fit(x, y, verbose=0, callbacks=[starter])
        >>> [head for head, weight in model.blend_weights.items() if weight]
        ['sound']
    """

    def __init__(self, phases: Sequence[Phase]) -> None:
        super().__init__()
        self._starting = dict(zip(starts(phases), phases, strict=True))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        phase = self._starting.get(epoch)
        if phase is None:
            return
        if phase.heads is not None:
            isolated_heads.isolate(self.model, list(phase.heads))
        elif epoch:
            heads = self.model.head_names
            self.model.assign_blend_weights(
                dict.fromkeys(heads, 1 / len(heads))
            )
        if epoch:
            _reset_optimizer(self.model)


def starts(phases: Sequence[Phase]) -> list[int]:
    """Returns the first epoch of each phase."""
    return [
        sum(phase.epochs for phase in phases[:index])
        for index in range(len(phases))
    ]


def trained_heads(phases: Sequence[Phase], heads: Sequence[str]) -> list[str]:
    """Returns the heads that are trained at some time, in order."""
    if any(phase.heads is None for phase in phases):
        return list(heads)
    named = {head for phase in phases for head in phase.heads or ()}
    return [head for head in heads if head in named]


def _reset_optimizer(model: Any) -> None:
    used = model.optimizer
    with model.distribute_strategy.scope():
        fresh = type(used).from_config(used.get_config())
        fresh.build(model.trainable_variables)
    for variable, value in zip(used.variables, fresh.variables, strict=True):
        variable.assign(keras.ops.convert_to_numpy(value))
