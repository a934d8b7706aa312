"""How towers are joined."""

import dataclasses
from typing import Any

from gblend_keras.config.checks import check_range
from gblend_keras.utils import close_names

FUSIONS = (
    "concat",
    "sum",
    "low_rank",
    "film",
    "mid_concat",
    "se_gate",
    "non_local",
    "bottleneck",
)


def check_fusion(name: str) -> None:
    """Raises unless `name` is a fusion; close names are listed.

    Example:
        >>> import gblend_keras as gb
        >>> gb.config.check_fusion("film")
        >>> gb.config.check_fusion("concatenate")
        Traceback (most recent call last):
            ...
        ValueError: `fusion` is unknown. ... Did you mean concat?
    """
    if name not in FUSIONS:
        every = f"Did you mean {' or '.join(FUSIONS)}?"
        advice = close_names.did_you_mean(name, FUSIONS).strip() or every
        raise ValueError(
            f"`fusion` is unknown. Expected one of {list(FUSIONS)}. "
            f"Received: fusion={name!r}. {advice}"
        )


@dataclasses.dataclass(frozen=True)
class FusionConfig:
    """How towers are joined; see `fusion.fuse` for them.

    A setting that is 0 or empty is left to the fusion. One that the fusion
    does not have is an error.

    Attributes:
        name: One of `FUSIONS`.
        stage: Mid-level fusions: the stage of the towers.
        base: "mid_concat": the modality whose later stages are used.
        modulated: "film": the modality that the others modulate.
        rank: "low_rank": number of terms.
        reduction: "se_gate": channels per hidden unit of a gate.
        num_tokens: "bottleneck": tokens.
        num_layers: "bottleneck": layers.
        num_heads: "bottleneck": attention heads.

    Example:
        >>> import gblend_keras as gb
        >>> gb.config.FusionConfig(name="low_rank", rank=4).options()
        {'rank': 4}
    """

    name: str = "concat"  # the paper's
    stage: str = ""
    base: str = ""
    modulated: str = ""
    rank: int = 0
    reduction: int = 0
    num_tokens: int = 0
    num_layers: int = 0
    num_heads: int = 0

    def __post_init__(self) -> None:
        check_fusion(self.name)
        for name, value in self.options().items():
            if isinstance(value, int):
                check_range(f"fusion.{name}", value, 0, 10**6)

    def options(self) -> dict[str, Any]:
        """Returns what is set, as options of `fusion.fuse`."""
        settings = dataclasses.asdict(self)
        del settings["name"]
        return {name: value for name, value in settings.items() if value}
