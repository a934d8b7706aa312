"""Runs -> the values of a comparison: rows, costs, failures, tuned values."""

import dataclasses
import os
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras import config
from gblend_keras import heads
from gblend_keras.callbacks import metrics_log
from gblend_keras.comparison import _tasks
from gblend_keras.comparison import _tuning as tuning
from gblend_keras.comparison import statistics
from gblend_keras.runs import directory
from gblend_keras.runs.provenance import provenance

COMPARISON_FORMAT = 1

Key = tuple[str, int]  # method, and seed or number of the try
Outcomes = dict[Key, _tasks.Outcome]


@dataclasses.dataclass(frozen=True)
class Results:
    """All that a comparison has run.

    Attributes:
        recipe: What was trained.
        workdir: Folder of the comparison.
        test: Name of the paired test.
        candidates: What the tries set, in their order.
        choices: What each method's tries have chosen; empty without tuning.
        finished: Outcomes by method and seed.
        tries: Outcomes by method and try.
        cost: What this call took, see `protocol`.
    """

    recipe: config.Recipe
    workdir: Path
    test: str
    candidates: Sequence[tuning.Candidate]
    choices: Mapping[str, tuning.Choice | None]
    finished: Outcomes
    tries: Outcomes
    cost: Mapping[str, Any]


def collect(results: Results) -> dict[str, Any]:
    """Returns everything that a report of the comparison needs.

    Args:
        results: All that was run.

    Returns:
        Plain values: `format`, `command`, `versions`, `recipe`, `seeds`,
        `test`, `evaluated_on`, `num_evaluated`, `rows` (one an answer, see
        docs/comparing.md), `runs` (one a run), `failures`, `tuning` and
        `harness`.
    """
    rows = _rows(results)
    _compare_with_baseline(rows, results.test)
    _add_relative_cost(rows)
    summaries = [
        each.summary for each in results.finished.values() if each.summary
    ]
    return {
        "format": COMPARISON_FORMAT,
        **provenance(),
        "num_cores": os.cpu_count(),
        "recipe": results.recipe.to_json(),
        "seeds": sorted({seed for _, seed in results.finished}),
        "baseline": directory.BASELINE,
        "test": results.test,
        "evaluated_on": results.recipe.data.evaluate_on,
        "num_evaluated": summaries[0]["num_evaluated"] if summaries else 0,
        "rows": rows,
        "runs": [
            _run(key, outcome) for key, outcome in results.finished.items()
        ],
        "failures": _failures(results),
        "tuning": _tuning(results),
        "harness": dict(results.cost),
    }


def _rows(results: Results) -> list[dict[str, Any]]:
    methods = dict.fromkeys(
        [method for method, _ in results.tries]
        + [method for method, _ in results.finished]
    )
    rows = []
    for method in methods:
        outcomes = {
            seed: outcome
            for (name, seed), outcome in results.finished.items()
            if name == method
        }
        done = {
            seed: outcome.summary
            for seed, outcome in outcomes.items()
            if outcome.summary is not None
        }
        failed = [str(seed) for seed in outcomes if seed not in done]
        first = next(iter(done.values()), None)
        answers: list[str] = (
            heads.reported_answers(heads.answers_of(first)) if first else [""]
        )
        rows += [
            _row(results, method, answer, done) | {"failed_seeds": failed}
            for answer in answers
        ]
    return rows


def _row(
    results: Results,
    method: str,
    answer: str,
    done: Mapping[int, dict[str, Any]],
) -> dict[str, Any]:
    accuracies = {
        str(seed): summary["accuracy"][answer] for seed, summary in done.items()
    }
    summaries = list(done.values())
    return {
        "method": method,
        "answer": answer,
        "accuracies": accuracies,
        **_spread(list(accuracies.values())),
        "selected": _selected(results, method, answer, list(done)),
        "seconds": _mean([each["seconds"] for each in summaries]),
        "examples_trained": _mean(
            [each["examples_trained"] for each in summaries]
        ),
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {
            "num_runs": 0,
            "mean": None,
            "deviation": None,
            "interval": None,
        }
    return statistics.spread(values)._asdict()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _selected(
    results: Results, method: str, answer: str, seeds: Sequence[int]
) -> dict[str, Any] | None:
    """Reads the reported curves at the epoch that a validation run chose."""
    choice = results.choices.get(method)
    epoch = choice.epochs.get(answer) if choice else None
    if epoch is None:
        return None
    accuracies = {}
    for seed in seeds:
        run_dir = results.workdir / method / f"seed-{seed}"
        rows = metrics_log.read_metrics(run_dir / directory.METRICS)
        column = directory.accuracy_column(rows, answer)
        if epoch < len(rows) and rows[epoch].get(column):
            accuracies[str(seed)] = float(rows[epoch][column])
    if not accuracies:
        return None
    return {
        "epoch": epoch,
        "accuracies": accuracies,
        **_spread(list(accuracies.values())),
    }


def _compare_with_baseline(rows: list[dict[str, Any]], test: str) -> None:
    """Adds `difference` to every row: to joint training, seed by seed."""
    baseline = _baseline(rows)
    for row in rows:
        row["difference"] = None
        if baseline is None or row is baseline:
            continue
        found = statistics.paired_difference(
            row["accuracies"], baseline["accuracies"], test=test
        )
        if found is not None:
            row["difference"] = {**found._asdict(), "p_holm": None}
    tested = [
        row["difference"]
        for row in rows
        if row["difference"] and row["difference"]["p_value"] is not None
    ]
    corrected = statistics.holm([each["p_value"] for each in tested])
    for difference, p_value in zip(tested, corrected, strict=True):
        difference["p_holm"] = p_value


def _add_relative_cost(rows: list[dict[str, Any]]) -> None:
    """Adds seconds and examples as multiples of joint training's."""
    baseline = _baseline(rows)
    for row in rows:
        for name in ("seconds", "examples_trained"):
            usual = baseline[name] if baseline else None
            known = row[name] is not None and usual
            row[f"relative_{name}"] = row[name] / usual if known else None


def _baseline(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    for row in rows:
        if row["method"] == directory.BASELINE and row["num_runs"]:
            return row
    return None


def _run(key: Key, outcome: _tasks.Outcome) -> dict[str, Any]:
    method, seed = key
    summary = outcome.summary or {}
    names = (
        "accuracy",
        "seconds",
        "examples_trained",
        "examples_trained_in_estimates",
        "seconds_in_estimates",
        "blend_weights",
    )
    return {
        "method": method,
        "seed": seed,
        "folder": f"{method}/seed-{seed}",
        "failed": outcome.summary is None,
        **{name: summary.get(name) for name in names},
    }


def _failures(results: Results) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "run": f"{kind} {number}",
            "error": outcome.error,
            "reason": outcome.reason,
        }
        for kind, outcomes in (
            ("try", results.tries),
            ("seed", results.finished),
        )
        for (method, number), outcome in outcomes.items()
        if outcome.summary is None
    ]


def _tuning(results: Results) -> dict[str, Any]:
    return {
        method: {
            "chosen": {
                "try": choice.number,
                **choice.candidate._asdict(),
                "validation_accuracy": choice.accuracy,
                "best_epochs": choice.epochs,
            }
            if choice
            else None,
            "tries": [
                {
                    **results.candidates[number]._asdict(),
                    **_try(number, outcome),
                }
                for (name, number), outcome in results.tries.items()
                if name == method
            ],
        }
        for method, choice in results.choices.items()
    }


def _try(number: int, outcome: _tasks.Outcome) -> dict[str, Any]:
    summary = outcome.summary
    return {
        "try": number,
        "failed": summary is None,
        "validation_accuracy": (
            summary["accuracy"][heads.main_answer(heads.answers_of(summary))]
            if summary
            else None
        ),
        "seconds": summary["seconds"] if summary else None,
        "examples_trained": summary["examples_trained"] if summary else None,
    }
