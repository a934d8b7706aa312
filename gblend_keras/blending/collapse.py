"""Collapse: a head that trained and learned nothing, or blew up."""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from absl import logging

from gblend_keras.heads import JOINT

# Below this share of chance a head has learned something.
LEARNED = 0.99
# A loss below this share of that in the middle of the training still falls.
FALLING = 0.98
# Above so many times chance a loss has exploded; guessing costs one.
EXPLODED = 10.0
# Of equal weights: heads with less are not meant to answer alone.
SMALL_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Collapse:
    """A head whose training loss ended no better than a guess.

    Attributes:
        head: Its name.
        epoch: Epochs after which training ended.
        loss: Its training loss in that epoch, in nats.
        chance: The loss of a guess, in nats.
        learning_rate: The highest of the training.
        loss_factor: What its loss is multiplied by: loss scale times weight.

    Example:
        >>> from gblend_keras.blending import collapse
        >>> joint = collapse.Collapse("joint", 20, 3.26, 3.26, 0.05, 3.8)
        >>> round(joint.effective_rate, 2)
        0.19
    """

    head: str
    epoch: int
    loss: float
    chance: float
    learning_rate: float
    loss_factor: float

    @property
    def effective_rate(self) -> float:
        """The rate at which the head trained."""
        return self.learning_rate * self.loss_factor

    def summary(self) -> str:
        """Returns what happened and what to do, as sentences."""
        what = "exploded" if self.loss > EXPLODED * self.chance else "collapsed"
        return (
            f"Head '{self.head}' has {what}: after epoch {self.epoch} its "
            f"training loss is {self.loss:.2f} nats, a guess has "
            f"{self.chance:.2f}. It trained at an effective rate of "
            f"{self.effective_rate:.3g} (learning rate "
            f"{self.learning_rate:.3g} x loss scale x weight "
            f"{self.loss_factor:.3g}). Lower the learning rate, or "
            "`loss_scale`."
        )


def chance(model: Any) -> float | None:
    """Returns the loss of a guess, in nats; None for losses of other kinds.

    It is ln C for cross-entropy, and ln 2 where an example may have several
    classes.
    """
    if isinstance(model.loss_function, keras.losses.BinaryCrossentropy):
        return math.log(2)
    if isinstance(
        model.loss_function,
        (
            keras.losses.SparseCategoricalCrossentropy,
            keras.losses.CategoricalCrossentropy,
        ),
    ):
        return math.log(model.num_classes)
    return None


def find(
    model: Any,
    epochs: Sequence[Mapping[str, Any]],
    *,
    learning_rate: float,
    weighted: bool = False,
) -> list[Collapse]:
    """Returns the heads that have collapsed.

    Asked are the joint head and those with half an equal weight or more,
    where they are trained; of the others, only what has exploded is told. A
    loss that still falls is that of a training that was too short.

    Args:
        model: A `BlendedModel` after training.
        epochs: The logs of each, `{"<head>_loss": loss}` among them. One
            epoch is too few to judge.
        learning_rate: The highest of the training.
        weighted: Whether examples were weighted: their losses cannot be
            compared with a guess then, and only explosions are found.
    """
    guess = chance(model)
    if guess is None or len(epochs) < 2:
        return []
    middle, last = epochs[(len(epochs) - 1) // 2], epochs[-1]
    weights = model.blend_weights
    small = SMALL_SHARE / len(weights)
    num_epochs, rate = len(epochs), learning_rate
    found = []
    for head, weight in weights.items():
        name = f"{head}_loss"
        loss = float(last.get(name, 0.0))
        falls = loss < FALLING * float(middle.get(name, 0.0))
        answers = not weighted and (head == JOINT or weight >= small)
        stuck = answers and not falls and loss >= LEARNED * guess
        if weight > 0 and (stuck or loss >= EXPLODED * guess):
            factor = model.loss_scale * weight
            found.append(Collapse(head, num_epochs, loss, guess, rate, factor))
    return found


class CollapseGuard(keras.callbacks.Callback):
    """Logs an error at the end of a training in which a head collapsed.

    Args:
        weighted: As for `find`.
    """

    def __init__(self, *, weighted: bool) -> None:
        super().__init__()
        self._weighted = weighted

    def on_train_begin(self, logs: Any = None) -> None:
        self._epochs: list[dict[str, Any]] = []
        self._rate = 0.0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epochs.append(dict(logs or {}))
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        self._rate = max(self._rate, float(rate))

    def on_train_end(self, logs: Any = None) -> None:
        for each in find(
            self.model,
            self._epochs,
            learning_rate=self._rate,
            weighted=self._weighted,
        ):
            logging.error("%s", each.summary())
