"""What turns a modality into features."""

import dataclasses
from typing import Any
from typing import Literal
from typing import Self

from gblend_keras.config.checks import check_choice
from gblend_keras.config.checks import check_not_renamed
from gblend_keras.config.checks import check_range

TOWER_KINDS = (
    "auto",
    "mlp",
    "conv1d",
    "conv2d",
    "conv3d",
    "resnet3d",
    "r2plus1d",
    "csn",
    "audio_resnet",
    "pointnet",
    "transformer",
    "application",
    "hub",
)

SCOPES = ("channel", "channel_floored", "element", "element_floored", "none")
# What values of `standardize` did before version 2 of a recipe's file.
STANDARDIZE_BEFORE = {
    "channel": "channel_floored",
    "element": "element_floored",
}


@dataclasses.dataclass(frozen=True)
class TowerConfig:
    """One tower of a recipe.

    Attributes:
        kind: One of `TOWER_KINDS`; "auto" goes by the number of axes of an
            example, 1, 2, 3 or 4: "mlp", "conv1d", "conv2d" or "conv3d".
        widths: Of these four: units or filters of each layer or stage.
        dropout: Of these four: share of the features dropped in training.
        depth: Of residual towers: 18, 34, 50, 101 or 152; 0 for the
            builder's default.
        variant: "ip" or "ir" for csn, "small" for pointnet, a name for
            application, a handle for hub; "" for the builder's default.
        standardize: How the mean of the training set is subtracted and its
            deviation divided by. "channel": over all but the last axis, each
            channel by its own; "element": each feature (each pixel, each
            value of a frame) by its own. One whose deviation is below a
            thousandth of the modality's mean one counts as constant, and is
            divided by that mean. "channel_floored" and "element_floored": the
            same, but by at least the modality's mean deviation, so that what
            varies little stays small. "none": not at all.
        frozen: Nothing of the tower is trained, and its batch-norm uses what
            it knows: for weights that `--init_from` has put there.
        learning_rate_factor: Factor on the tower's learning rate, below 1 to
            keep closer to where it starts.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.config.TowerConfig(kind="r2plus1d", depth=18)
        >>> tower.standardize
        'channel'
    """

    kind: str = "auto"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    dropout: float = 0.0
    depth: int = 0
    variant: str = ""
    standardize: Literal[
        "channel", "channel_floored", "element", "element_floored", "none"
    ] = "channel"
    frozen: bool = False
    learning_rate_factor: float = 1.0

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Refuses old names, which `__init__` would only call unexpected."""
        check_not_renamed(settings)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_choice("towers.kind", self.kind, TOWER_KINDS)
        check_choice("towers.depth", self.depth, (0, 18, 34, 50, 101, 152))
        check_choice("towers.standardize", self.standardize, SCOPES)
        check_range("towers.dropout", self.dropout, 0.0, 0.99)
        check_range("towers.widths", min(self.widths, default=0), 1, 10**6)
        check_range(
            "towers.learning_rate_factor", self.learning_rate_factor, 1e-6, 1e3
        )
        if self.frozen and self.learning_rate_factor != 1.0:
            raise ValueError(
                "`towers.learning_rate_factor` contradicts `frozen`. Expected "
                "1 for a tower that is not trained. Received: "
                f"learning_rate_factor={self.learning_rate_factor}. "
                "Leave out one of the two."
            )
