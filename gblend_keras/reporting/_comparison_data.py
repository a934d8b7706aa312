"""The runs of a comparison -> what its page shows of all seeds together."""

import dataclasses
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras import heads as answer_heads
from gblend_keras.reporting import run_data
from gblend_keras.reporting.figures import blend_weights
from gblend_keras.runs import directory

Row = Mapping[str, Any]
Runs = Sequence[run_data.RunData]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A comparison and its runs.

    Attributes:
        folder: Its directory.
        values: `comparison.json`.
        runs: `{method: its finished runs}`, for methods with one at least.
    """

    folder: Path
    values: dict[str, Any]
    runs: dict[str, list[run_data.RunData]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table with a finished run."""
        return [row for row in self.values["rows"] if row["num_runs"]]


def read(folder: Path) -> Comparison:
    """Reads a comparison and its runs.

    Raises:
        ValueError: If a file is damaged.
    """
    values = run_data.read_comparison(folder)
    runs: dict[str, list[run_data.RunData]] = {}
    for each in values["runs"]:
        place = folder / each["folder"]
        if not each["failed"] and (place / directory.SUMMARY).is_file():
            runs.setdefault(each["method"], []).append(run_data.read_run(place))
    return Comparison(folder, values, runs)


def best_row(rows: Sequence[Row]) -> Row | None:
    """Returns the row with the highest mean; None without rows."""
    return max(rows, key=lambda row: row["mean"], default=None)


def main_rows(rows: Sequence[Row]) -> list[Row]:
    """Returns one row a method: that of its main answer."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["method"], {})[row["answer"]] = row
    return [
        each[answer_heads.main_answer(list(each))] for each in found.values()
    ]


def mean_weights(runs: Runs) -> list[blend_weights.Weights]:
    """Returns weights and ends of intervals, averaged over runs.

    Only runs with as many estimates as the first are averaged.
    """
    kept = _alike(runs)
    if not kept:
        return []
    entries = []
    for group in zip(*[run.estimates for run in kept], strict=True):
        heads = list(group[0].weights)
        entries.append(
            blend_weights.Weights(
                blend_weights.span(group[0]),
                {h: _mean([e.weights[h] for e in group]) for h in heads},
                {
                    h: [
                        _mean([e.intervals[h][end] for e in group])
                        for end in (0, 1)
                    ]
                    for h in heads
                },
            )
        )
    return entries


def median_ratios(runs: Runs) -> dict[str, list[float | None]]:
    """Returns the OGR of each head and estimate, the median over runs.

    A run in which the head did not generalise counts as infinite; None where
    the median is.
    """
    kept = _alike(runs)
    if not kept:
        return {}
    found: dict[str, list[float | None]] = {}
    for group in zip(*[run.estimates for run in kept], strict=True):
        for head in group[0].ogr:
            values = [
                float("inf") if each.ogr[head] is None else each.ogr[head]
                for each in group
            ]
            middle = statistics.median_high(values)
            finite = middle != float("inf")
            found.setdefault(head, []).append(middle if finite else None)
    return found


def class_scores(runs: Runs, answer: str) -> list[float | None] | None:
    """Returns an answer's score of each class, averaged over runs.

    None unless every run was evaluated and has this answer.
    """
    found = [run.evaluation.get("heads", {}).get(answer) for run in runs]
    if not found or not all(found):
        return None
    metric = runs[0].evaluation["metric"]
    field = "class_accuracy" if metric == "top1" else "class_average_precision"
    columns = zip(*[each[field] for each in found], strict=True)
    return [None if None in column else _mean(column) for column in columns]


def best_modality(runs: Mapping[str, Runs]) -> tuple[str, str] | None:
    """Returns method and head of the best modality trained by itself.

    Source: the paper's Fig. 6 compares with a network of one modality.
    """
    candidates = {}
    for method, each in runs.items():
        heads = each[0].answers
        if answer_heads.JOINT in heads or not all(
            run.evaluation for run in each
        ):
            continue
        for head in heads:
            if head not in answer_heads.COMBINED:
                scores = [run.summary["accuracy"][head] for run in each]
                candidates[method, head] = _mean(scores)
    return max(candidates, key=lambda key: candidates[key], default=None)


def total_confusion(runs: Runs, answer: str) -> run_data.Counts | None:
    """Returns the confusion matrices of all runs, added up."""
    found = [run_data.confusion_of(run, answer) for run in runs]
    counts = [each for each in found if each is not None]
    if not counts or len(counts) < len(found):
        return None
    total = counts[0].copy()
    for each in counts[1:]:
        total += each
    return total


def subset_scores(
    runs: Mapping[str, Runs],
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Returns scores of subsets and Shapley values, averaged over runs.

    Returns:
        `{method: {subset: score}}` and `{method: {modality: value}}`, for
        methods whose runs all have them.
    """
    scores: dict[str, dict[str, float]] = {}
    worth: dict[str, dict[str, float]] = {}
    for method, each in runs.items():
        found = [run.evaluation.get("modalities") for run in each]
        if not found or not all(found):
            continue
        listed = [
            {
                " + ".join(s["modalities"]): s["score"] or 0.0
                for s in f["subsets"]
            }
            for f in found
            if f
        ]
        scores[method] = _mean_by_key(listed)
        worth[method] = _mean_by_key([f["shapley"] for f in found if f])
    return scores, worth


def _alike(runs: Runs) -> list[run_data.RunData]:
    kept = [run for run in runs if run.estimates]
    return [run for run in kept if len(run.estimates) == len(kept[0].estimates)]


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def _mean_by_key(
    found: Sequence[Mapping[str, float | None]],
) -> dict[str, float]:
    return {
        key: _mean([each[key] or 0.0 for each in found]) for key in found[0]
    }
