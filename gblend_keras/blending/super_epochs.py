"""Super-epochs: when an estimate is due, and over which epochs it looks."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from gblend_keras.blending.estimate import BlendEstimate


class Window(NamedTuple):
    """The epochs that an estimate looks at: from N, for n of them.

    Example:
        >>> import gblend_keras as gb
        >>> window = gb.blending.Window(epoch=10, num_epochs=5)
        >>> window.epoch + window.num_epochs  # where the estimate ends
        15
    """

    epoch: int
    num_epochs: int


@dataclasses.dataclass(frozen=True)
class SuperEpochs:
    """When an estimate is due.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithms 2 and 3.

    Attributes:
        lengths: Epochs of the first super-epoch and of each later one; None
            for offline, which is one super-epoch of all epochs.
        with_folds: Whether V is a fold; offline only.

    Raises:
        ValueError: If a length is out of range, or there are folds online.
    """

    lengths: tuple[int, int] | None
    with_folds: bool = False

    def __post_init__(self) -> None:
        if self.lengths is not None and (
            len(self.lengths) != 2 or min(self.lengths) < 1
        ):
            raise ValueError(
                "`super_epochs` is out of range. Expected two numbers >= 1, "
                "the first super-epoch and each later one, or None. "
                f"Received: super_epochs={self.lengths}. "
                "The paper uses (10, 5)."
            )
        if self.with_folds and self.lengths is not None:
            raise ValueError(
                "`folds` cannot be used online. Expected super_epochs=None: "
                "after the first super-epoch every fold has been trained on. "
                f"Received: super_epochs={self.lengths}. Use a holdout."
            )

    @property
    def are_online(self) -> bool:
        """Whether estimates go on while training does."""
        return self.lengths is not None

    def window_at(self, epoch: int, end: int) -> Window | None:
        """Returns what the estimate due at an epoch looks at, or None.

        Args:
            epoch: The epoch that begins, counted from 0.
            end: The epochs of the whole training.
        """
        left = end - epoch
        if self.lengths is None:
            num_epochs = left if epoch == 0 else 0
        else:
            first, later = self.lengths
            if epoch == 0:
                num_epochs = min(first, left)
            elif epoch >= first and (epoch - first) % later == 0:
                num_epochs = min(later, left)
            else:
                num_epochs = 0
        return Window(epoch, num_epochs) if num_epochs else None

    def is_done(self, estimates: Sequence[BlendEstimate], end: int) -> bool:
        """Says if the last estimate is made, so that V is no longer needed.

        Args:
            estimates: Every estimate so far.
            end: The epochs of the whole training.
        """
        if not estimates:
            return False
        last = estimates[-1].epoch + estimates[-1].num_epochs
        return self.lengths is None or last >= end
