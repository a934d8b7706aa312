"""BlendEstimate: one estimate as values, text and JSON, and its file."""

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras.utils import files

HISTORY_FORMAT = 1  # of `blend_history.json`


@dataclasses.dataclass(frozen=True)
class BlendEstimate:
    """What one estimate measured, and the weights that follow from it.

    Attributes:
        epoch: N, the epochs trained before the estimate.
        num_epochs: n, the epochs each head was trained alone.
        weights: `{head: weight}`, summing to 1.
        generalization: `{head: G}`, in nats (or accuracy, see `measure`).
        overfitting: `{head: O}`, in the same unit.
        overfitting_error: `{head: standard error of O}`.
        ogr: `{head: |O / G|}`; None where G is 0.
        intervals: `{head: (low, high)}`, the 95 % interval of its weight.
        kept_previous: True when no head generalised and the weights stayed.
        measure: "loss" or "accuracy".
        num_holdout: Examples in V (over all folds).
        num_passes: Passes of `num_epochs` that were trained.
        examples_trained: Examples that these passes trained on.
        seconds: What the estimate took, wall clock.

    Example:
        >>> import gblend_keras as gb
        >>> first, second = gb.read_history("run/blend_history.json")
        >>> estimate = gb.BlendEstimate.from_json(second)
        >>> estimate.weights
        {'image': 0.6, 'sound': 0.1, 'joint': 0.3}
        >>> print(estimate.summary())
        Blend at epoch 2 (heads alone for 2 epochs, 40 held out, 1 s):
          image weight 0.600 [0.40 0.80]  G +0.200  O +0.100  OGR 0.50
          sound weight 0.100 [0.05 0.20]  G -0.100  O +0.400  OGR inf
          joint weight 0.300 [0.10 0.50]  G +0.500  O +0.100  OGR 0.20
    """

    epoch: int
    num_epochs: int
    weights: dict[str, float]
    generalization: dict[str, float]
    overfitting: dict[str, float]
    overfitting_error: dict[str, float]
    ogr: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    kept_previous: bool
    measure: str
    num_holdout: int
    num_passes: int
    examples_trained: int
    seconds: float

    @property
    def cannot_be_told_from_uniform(self) -> bool:
        """True when every interval contains the uniform weight."""
        uniform = 1 / len(self.weights)
        return all(
            low <= uniform <= high for low, high in self.intervals.values()
        )

    def summary(self) -> str:
        """Returns the estimate as text: a title, then one line a head."""
        width = max(map(len, self.weights))
        lines = [
            f"Blend at epoch {self.epoch} (heads alone for {self.num_epochs} "
            f"epochs, {self.num_holdout} held out, {self.seconds:.0f} s):"
        ]
        for head, weight in self.weights.items():
            low, high = self.intervals[head]
            ratio = self.ogr[head]
            lines.append(
                f"  {head:<{width}} weight {weight:.3f} [{low:.2f} {high:.2f}]"
                f"  G {self.generalization[head]:+.3f}"
                f"  O {self.overfitting[head]:+.3f}"
                f"  OGR {'inf' if ratio is None else f'{ratio:.2f}'}"
            )
        if self.kept_previous:
            lines.append(
                "  No head generalised: the weights stay as they were."
            )
        elif self.cannot_be_told_from_uniform:
            lines.append("  These weights cannot be told from uniform ones.")
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """Returns the estimate as plain values, for `blend_history.json`."""
        values: dict[str, object] = dataclasses.asdict(self)
        # The file keeps the spelling that earlier versions wrote.
        values["generalisation"] = values.pop("generalization")
        return values | {
            "cannot_be_told_from_uniform": self.cannot_be_told_from_uniform
        }

    @classmethod
    def from_json(cls, values: dict[str, object]) -> "BlendEstimate":
        """Returns the estimate that `to_json` wrote.

        Raises:
            ValueError: If a field is missing.
        """
        if "generalisation" in values:  # as `to_json` writes it
            values = {**values, "generalization": values["generalisation"]}
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(
                "A blend history entry lacks fields. Expected "
                f"{names}. Received: no {missing}. "
                "Start the run in a new folder."
            )
        return cls(**{name: values[name] for name in names})  # type: ignore[arg-type]


def write_history(
    path: Path, estimates: Sequence[BlendEstimate], states: Mapping[int, str]
) -> None:
    """Writes the file anew.

    Args:
        path: The file.
        estimates: Every estimate so far.
        states: `{epoch: fingerprint}` of the state that each is a function of.
    """
    entries = [
        {
            **estimate.to_json(),
            "format": HISTORY_FORMAT,
            "state": states[estimate.epoch],
        }
        for estimate in estimates
    ]
    files.write_json(path, entries)


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """Reads a `blend_history.json`: one object an estimate.

    Raises:
        ValueError: If the file is damaged or of another format.

    Example:
        >>> import gblend_keras as gb
        >>> history = gb.read_history("run/blend_history.json")
        >>> [(entry["epoch"], entry["weights"]["joint"]) for entry in history]
        [(0, 0.3), (2, 0.3)]
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        formats = {entry["format"] for entry in entries}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged. Expected a list of estimates. "
            f"Received: {error}. Remove the file to estimate anew."
        ) from error
    if formats - {HISTORY_FORMAT}:
        raise ValueError(
            f"{path} has another format. Expected {HISTORY_FORMAT}. "
            f"Received: {sorted(formats)}. Start in a new folder."
        )
    return entries
