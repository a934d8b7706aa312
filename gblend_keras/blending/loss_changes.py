"""Losses of examples at two checkpoints, and how they changed. NumPy alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Losses closer than this share of the largest one are the same number: what
# a repeated example differs by when it lands in another batch.
SAME_LOSS = 1e-5


class Losses(NamedTuple):
    """Losses of every example under every head, in nats, and their weights.

    Attributes:
        start: Shape `(E, H)`, at checkpoint N.
        end: Shape `(E, H)`, at checkpoint N+n, examples in the same order.
        weight: Shape `(E,)`, each >= 0: the sample weights.
        group: Shape `(E,)`, whose each example is (a person, an object);
            None where examples are drawn one by one.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.blending import Losses
        >>> losses = Losses(  # of two examples under one head
        ...     start=np.array([[1.6], [1.4]]),
        ...     end=np.array([[0.9], [0.7]]),
        ...     weight=np.ones(2),
        ... )
        >>> losses.start.mean(axis=0).tolist()
        [1.5]
    """

    start: FloatArray
    end: FloatArray
    weight: FloatArray
    group: npt.NDArray[np.int64] | None = None


def check_losses(name: str, losses: Losses) -> None:
    """Raises unless losses of the set `name` can be compared.

    Raises:
        ValueError: If shapes differ, none counts, or one is not finite.
    """
    if losses.start.ndim != 2 or losses.start.shape != losses.end.shape:
        raise ValueError(
            f"The {name} losses differ in shape. Expected (examples, heads) "
            f"at both checkpoints. Received: {losses.start.shape} and "
            f"{losses.end.shape}. Measure the same examples twice."
        )
    if len(losses.start) == 0 or not losses.weight.sum() > 0:
        raise ValueError(
            f"There is no {name} example with a positive weight. Expected at "
            f"least one. Received: {len(losses.start)} examples. "
            "Hold out more examples."
        )
    if not (np.isfinite(losses.start).all() and np.isfinite(losses.end).all()):
        raise ValueError(
            f"A {name} loss is not finite. Expected finite losses at both "
            "checkpoints. Received: NaN or infinity. "
            "Lower the learning rate or check the features."
        )


class Changes(NamedTuple):
    """How the losses of independent observations changed.

    Attributes:
        change: Shape `(D, H)`.
        weight: Shape `(D,)`, summing to 1.
    """

    change: FloatArray
    weight: FloatArray

    @property
    def mean(self) -> FloatArray:
        """The mean change, shape `(H,)`."""
        return self.weight @ self.change

    @property
    def squared_error(self) -> FloatArray:
        """The squared standard error of the mean change, shape `(H,)`."""
        num = len(self.weight)
        if num < 2:
            return np.zeros(self.change.shape[1])
        deviation = self.change - self.mean
        spread = np.square(self.weight) @ np.square(deviation)
        return spread * num / (num - 1)

    def resampled_means(
        self, num_samples: int, rng: np.random.Generator
    ) -> FloatArray:
        """Mean change of bootstrap samples, shape `(num_samples, H)`."""
        num = len(self.weight)
        uniform = np.full(num, 1 / num)
        means = np.empty((num_samples, self.change.shape[1]))
        for row in range(num_samples):  # one at a time: O(D) memory
            drawn = rng.multinomial(num, uniform) * self.weight
            total = drawn.sum()
            drawn = drawn / total if total > 0 else self.weight
            means[row] = drawn @ self.change
        return means


def changes(losses: Losses) -> Changes:
    """Returns the changes of independent observations.

    An observation is a group, where examples are drawn in groups and V holds
    at least two; else an example. One that occurs twice is one observation:
    it is known by losses that agree under every head.
    """
    change = losses.end - losses.start
    if losses.group is not None and num_groups(losses) > 1:
        _, member = np.unique(losses.group, return_inverse=True)
        member = member.reshape(-1)
        weight = np.bincount(member, weights=losses.weight)
        total = np.zeros((len(weight), change.shape[1]))
        np.add.at(total, member, losses.weight[:, None] * change)
        kept = weight > 0
        change = total[kept] / weight[kept, None]
        return Changes(change, weight[kept] / weight.sum())
    rows = np.concatenate([losses.start, losses.end], axis=1)
    scale = max(float(np.abs(rows).max()), 1e-30) * SAME_LOSS
    keys = np.round(rows / scale).astype(np.int64)
    _, first, member = np.unique(
        keys, axis=0, return_index=True, return_inverse=True
    )
    weight = np.bincount(member.reshape(-1), weights=losses.weight)
    kept = weight > 0
    return Changes(change[first][kept], weight[kept] / weight.sum())


def num_groups(losses: Losses) -> int:
    """Returns how many groups have weight; 0 where there are none."""
    if losses.group is None:
        return 0
    return len(np.unique(losses.group[losses.weight > 0]))
