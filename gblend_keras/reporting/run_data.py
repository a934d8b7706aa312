"""Run and comparison directories -> what a report shows of them."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras import heads as answers
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.runs import directory
from gblend_keras.utils import files

Counts = npt.NDArray[np.int64]
Rows = list[dict[str, str]]


@dataclasses.dataclass(frozen=True)
class RunData:
    """What a run directory holds; parts that are not there are empty.

    Attributes:
        folder: The directory.
        identity: `recipe.json`: recipe, seed, blend, command, versions.
        summary: `summary.json`; empty while the run is not finished.
        rows: `metrics.csv`, a row an epoch.
        estimates: `blend_history.json`.
        evaluation: `evaluation.json`; empty without an evaluation.
        predictions: Where `predictions.npz` is, if the run was evaluated.
        failure: `failed.json`: `error` and `reason`; empty if it is finished.
    """

    folder: Path
    identity: dict[str, Any]
    summary: dict[str, Any]
    rows: Rows
    estimates: list[BlendEstimate]
    evaluation: dict[str, Any]
    predictions: Path
    failure: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the run has ended well."""
        return bool(self.summary)

    @property
    def heads(self) -> list[str]:
        """Every head of the network, in its order; what rows name, at least."""
        if self.summary:
            return list(self.summary["blend_weights"])
        names = self.rows[0] if self.rows else {}
        return [
            name.removesuffix("_loss")
            for name in names
            if f"val_{name}" in names and name.endswith("_loss")
        ]

    @property
    def trained_heads(self) -> list[str]:
        """The heads that were trained; all of them while nobody knows."""
        found: list[str] = self.summary.get("trained_heads", self.heads)
        return found

    @property
    def answers(self) -> list[str]:
        """What the run answers with, its main answer first.

        The heads that were trained to the end, and a mean of several. Heads
        that were not trained have an accuracy, too, and it means nothing.
        """
        trained = self.summary.get("answering_heads", self.heads)
        return answers.all_answers(
            trained, self.heads, self.summary.get("accuracy")
        )

    def column(self, name: str) -> list[float]:
        """Returns a column of `metrics.csv`; NaN where it is empty."""
        return [float(row.get(name) or math.nan) for row in self.rows]

    def accuracy_curve(self, answer: str) -> list[float]:
        """Returns the accuracy of an answer after each epoch, or [].

        On the reported split where that was logged, else on what the `val_`
        columns were measured on.
        """
        column = directory.accuracy_column(self.rows, answer)
        known = self.rows and column in self.rows[0]
        return self.column(column) if known else []


def is_comparison(folder: Path) -> bool:
    """Returns whether a folder is a comparison's."""
    return (folder / directory.COMPARISON).is_file()


def is_run(folder: Path) -> bool:
    """Returns whether a folder is a run's, finished or not."""
    return any(
        (folder / name).is_file()
        for name in (directory.RECIPE, directory.SUMMARY, directory.FAILURE)
    )


def read_summary(run_dir: Path) -> dict[str, Any]:
    """Reads the `summary.json` of a finished run.

    Raises:
        ValueError: If it is missing, damaged or of another format.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> summary = gb.reporting.read_summary(Path("run"))
        >>> summary["blend"], list(summary["accuracy"])
        ('online', ['image', 'sound', 'joint', 'ensemble', 'blend'])
    """
    return directory.read_object(run_dir / directory.SUMMARY)


def read_comparison(folder: Path) -> dict[str, Any]:
    """Reads the `comparison.json` of a comparison.

    Raises:
        ValueError: If it is damaged.
    """
    return _read(folder / directory.COMPARISON, dict)


def read_run(folder: Path) -> RunData:
    """Reads everything in a run directory.

    Raises:
        ValueError: If a file is damaged.
    """
    summary = _read(folder / directory.SUMMARY, dict)
    evaluated, evaluation = _evaluation_of(folder, summary)
    history = _read(folder / directory.HISTORY, list)
    return RunData(
        folder=folder,
        identity=_read(folder / directory.RECIPE, dict),
        summary=summary,
        rows=files.read_csv(folder / directory.METRICS),
        estimates=[BlendEstimate.from_json(entry) for entry in history],
        evaluation=evaluation,
        predictions=evaluated / "predictions.npz",
        failure={} if summary else _read(folder / directory.FAILURE, dict),
    )


def confusion_of(run: RunData, answer: str) -> Counts | None:
    """Returns the confusion matrix of an answer; None where there is none.

    Args:
        run: The run.
        answer: A head, or a mean of them.

    Returns:
        Shape `(classes, classes)`; a row is a true class.
    """
    stored = run.evaluation.get("confusion")
    if not stored:
        return None
    if answer in stored:
        return np.asarray(stored[answer], np.int64)
    if not run.predictions.is_file():
        return None
    with np.load(run.predictions, allow_pickle=False) as arrays:
        probabilities = arrays[f"probabilities_{answer}"]
        truth = arrays["y"]
    num_classes = probabilities.shape[1]
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    return counts


def _evaluation_of(
    folder: Path, summary: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]]:
    """Returns the evaluation of the split that is reported, and its folder."""
    split = summary.get("evaluated_on", "test")
    beside = folder / f"evaluation_{split}"
    for place in (folder, beside):
        found: dict[str, Any] = _read(place / "evaluation.json", dict)
        if found and found.get("split", split) == split:
            return place, found
    return beside, {}


def _read(path: Path, kind: type) -> Any:
    """Returns a JSON file's value; an empty one when it is not there."""
    if not path.is_file():
        return kind()
    return files.read_json(
        path,
        kind,
        expected="JSON",
        advice="Write it again, or remove it.",
    )
