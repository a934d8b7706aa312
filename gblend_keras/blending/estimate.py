"""BlendEstimate: one estimate as values, text and JSON, and its file."""

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras.answers import exponents
from gblend_keras.blending import ogr
from gblend_keras.utils import files

HISTORY_FORMAT = 1  # of `blend_history.json`


MOST_RISE = 1.0  # of a training loss in an estimate, in nats
MUCH = 0.5  # overfitting, as a share of the gain, that is worth a word
# Where the exponents of a pool come from, in words.
POOL_SOURCES = {
    "estimate": "what is held out",
    "shares": "what G and O say of each head",
}
# Answers that weights are put to the proof with, in words.
ANSWERS = {"joint": "joint head", "log_mean": "log-mean of heads"}


@dataclasses.dataclass(frozen=True)
class Proof:
    """Whether weights are better than equal ones, on held-out data.

    Both were trained for as long from the same state. Two answers are asked,
    each calibrated: "joint", the joint head, and "log_mean", that of all heads.

    Attributes:
        weights: `{head: weight}`, those that were tried.
        equal_loss: `{answer: loss on V}` of equal weights, in nats.
        weighted_loss: `{answer: loss on V}` of these weights, in nats; empty
            where training with them diverged.
        error: `{answer: standard error of the difference}`, paired by example
            (by group, where V is made of groups).
        passed: Whether the weights are used; if not, equal ones are.
    """

    weights: dict[str, float]
    equal_loss: dict[str, float]
    weighted_loss: dict[str, float]
    error: dict[str, float]
    passed: bool

    def summary(self) -> str:
        """Returns what happened, as a sentence."""
        weights = "/".join(
            f"{weight:.2f}".lstrip("0") for weight in self.weights.values()
        )
        if not self.weighted_loss:
            return (
                f"Training with weights {weights} diverged: equal weights are "
                "used, nothing is lost."
            )
        losses = ", ".join(
            f"{words}: {self.weighted_loss[answer]:.2f} against "
            f"{self.equal_loss[answer]:.2f} nats"
            for answer, words in ANSWERS.items()
        )
        if self.passed:
            return (
                f"Weights {weights} beat equal ones on held-out data "
                f"({losses}): used."
            )
        return (
            f"Weights {weights} did not beat equal ones on held-out data "
            f"({losses}): equal weights are used, nothing is lost."
        )


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
        num_groups: Groups in V, over which errors are taken; 0 for examples.
        examples_measured: Examples passed forward to be measured.
        estimator: What made the estimate, such as "retrain".
        probe: What a short look trained, "3 epochs" say; "" for `num_epochs`.
        proof: What the weights were put to before they were used; None where
            they are used as they are.
        pool: Exponents of the pool: an entry
            `{"modalities": [...], "exponents": {head: exponent}}` for each
            set of modalities, the first for all of them.
        pool_source: "estimate" where they were fitted on what trained heads
            said of V, "shares" where they follow from G and O.

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
    num_groups: int = 0
    examples_measured: int = 0
    estimator: str = "retrain"
    probe: str = ""
    proof: Proof | None = None
    pool: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    pool_source: str = "estimate"

    @property
    def cannot_be_told_from_uniform(self) -> bool:
        """True when every interval contains the uniform weight."""
        uniform = 1 / len(self.weights)
        return all(
            low <= uniform <= high for low, high in self.intervals.values()
        )

    @property
    def shares(self) -> dict[str, float]:
        """`{head: F}`: how much of what it learns generalises.

        See `ogr.generalization_share`.
        """
        heads = list(self.generalization)
        found = ogr.generalization_share(
            list(self.generalization.values()),
            [self.overfitting[head] for head in heads],
            [self.overfitting_error[head] for head in heads],
        )
        return dict(zip(heads, map(float, found), strict=True))

    def summary(self) -> str:
        """Returns the estimate as text."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Returns a title, one line a head, and what the numbers say."""
        width = max(map(len, self.weights))
        trained = f"heads alone for {self.num_epochs} epochs"
        if self.probe:
            trained = f"a probe of {self.probe}"
        held_out = f"{self.num_holdout} held out"
        if self.num_groups > 1:
            held_out += f" in {self.num_groups} groups"
        lines = [
            f"Blend at epoch {self.epoch} ({trained}, {held_out}, "
            f"{self.seconds:.0f} s):"
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
        return [*lines, *(f"  {each}" for each in self.verdict())]

    def verdict(self) -> list[str]:
        """Returns what the numbers say, in sentences."""
        if self.kept_previous:
            stay = "No head generalised: the weights stay as they were."
            return [*self._exploded(), stay]
        lines = self._exploded()
        if self.cannot_be_told_from_uniform:
            lines.append("These weights cannot be told from uniform ones.")
        if self.proof is not None:
            lines += [*self._overfitting(), self.proof.summary()]
        if self.pool:
            words = exponents.in_words(self.pool[0]["exponents"])
            source = POOL_SOURCES[self.pool_source]
            lines.append(f"The pool's exponents, from {source}: {words}.")
        return lines

    def _exploded(self) -> list[str]:
        """Names the heads whose training loss rose."""
        if self.measure != "loss":
            return []
        return [
            f"The training loss of {head} rose by {rise:.1f} nats: the "
            "learning rate is too high for it. Lower it."
            for head, gain in self.generalization.items()
            if (rise := -(gain + self.overfitting[head])) > MOST_RISE
        ]

    def _overfitting(self) -> list[str]:
        """Names the head that overfits most, where that can be told."""
        known = {
            head: ratio
            for head, ratio in self.ogr.items()
            if ratio is not None
            and self.generalization[head] > 0
            and self.overfitting[head] > 2 * self.overfitting_error[head]
        }
        head = max(known, key=lambda each: known[each], default=None)
        if head is None or known[head] < MUCH:
            return []
        return [f"Overfitting of {head} is {known[head]:.1f} times its gain."]

    def to_json(self) -> dict[str, object]:
        """Returns the estimate as plain values, for `blend_history.json`."""
        values: dict[str, object] = dataclasses.asdict(self)
        # The file keeps the spelling that earlier versions wrote.
        values["generalisation"] = values.pop("generalization")
        return values | {
            "cannot_be_told_from_uniform": self.cannot_be_told_from_uniform
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "BlendEstimate":
        """Returns the estimate that `to_json` wrote.

        Raises:
            ValueError: If a field is missing.
        """
        if "generalisation" in values:  # as `to_json` writes it
            values = {**values, "generalization": values["generalisation"]}
        fields = dataclasses.fields(cls)
        missing = [
            each.name
            for each in fields
            if each.name not in values
            and each.default is dataclasses.MISSING
            and each.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise ValueError(
                "A blend history entry lacks fields. Expected "
                f"{[each.name for each in fields]}. Received: no {missing}. "
                "Start the run in a new folder."
            )
        known = {
            each.name: values[each.name]
            for each in fields
            if each.name in values
        }
        if isinstance(known.get("proof"), dict):
            known["proof"] = Proof(**known["proof"])
        return cls(**known)


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
