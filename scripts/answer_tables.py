"""What k + 1 heads answer, and how well: tables of finished comparisons.

    python scripts/answer_tables.py --data_dir=DIR --runs=runs NAME...

Reads `runs/tuned_NAME`, the folder of a comparison, by the protocol of
docs/protocol.md: `probabilities_*` of each run's `predictions.npz`, and the
exponents of its pool. Where a set has its own validation split and a run has
not calibrated on it, its model is loaded and does. Trains nothing. Prints a
table a set, and one of differences.
"""

import argparse
import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

import gblend_keras as gb
from gblend_keras.answers import exponents
from gblend_keras.answers import pool
from gblend_keras.comparison import statistics
from gblend_keras.data import datasets
from gblend_keras.evaluation import forecasts
from gblend_keras.heads import JOINT

METHODS = ("modalities", "joint", "uniform", "probe", "offline")


class Scores(NamedTuple):
    """Of one answer of one run: per cent, nats, per cent."""

    accuracy: float
    loss: float
    calibration_error: float


Answers = dict[str, dict[int, Scores]]  # {answer: {seed: scores}}


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--data_dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    found = {}
    for name in given.names:
        folder = given.runs / f"tuned_{name}"
        found[name] = {
            method: _answers(folder / method, given)
            for method in METHODS
            if (folder / method).is_dir()
        }
        _print_scores(name, found[name])
    _print_differences(found)


def _answers(folder: Path, given: argparse.Namespace) -> Answers:
    """Returns every answer of every seed of a method."""
    found: Answers = {}
    for seed in range(given.seeds):
        run = folder / f"seed-{seed}"
        if not (run / "summary.json").is_file():
            continue
        path = run / f"evaluation_{given.split}" / "predictions.npz"
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        y = arrays["y"]
        for answer, probabilities in _asked(run, arrays, given).items():
            found.setdefault(answer, {})[seed] = Scores(
                100 * float(np.mean(probabilities.argmax(axis=1) == y)),
                forecasts.negative_log_likelihood(probabilities, y),
                100 * forecasts.expected_calibration_error(probabilities, y),
            )
    return found


def _asked(
    run: Path, arrays: Mapping[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    """Returns `{answer: probabilities (N, classes)}` of one run."""
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    heads = summary["answering_heads"]
    said = {head: arrays[f"probabilities_{head}"] for head in heads}
    if len(heads) == 1:
        return said
    answers = {JOINT: said[JOINT]} if JOINT in said else dict(said)
    mean = np.mean([*said.values()], axis=0)
    equal = dict.fromkeys(heads, 1 / len(heads))
    powers = _exponents(run, summary, heads, given)
    return answers | {
        "mean": mean,
        "log-mean": pool.pooled_from(said, equal, multi_label=False),
        "pool": pool.pooled_from(said, powers, multi_label=False),
    }


def _exponents(
    run: Path,
    summary: Mapping[str, Any],
    heads: Sequence[str],
    given: argparse.Namespace,
) -> dict[str, float]:
    """Returns the exponents of a run's pool, by the rule of today."""
    stored = summary.get("pool", {"source": "none"})
    if stored["source"] != "validation":
        calibrated = _on_validation(run, given)
        if calibrated is not None:
            stored = {"source": "validation", "exponents": calibrated}
    history = run / "blend_history.json"
    estimate = gb.read_history(history)[-1] if history.is_file() else {}
    if stored["source"] != "validation" and (
        estimate.get("estimator") == "probe"
    ):
        shares = gb.BlendEstimate.from_json(estimate).shares
        found = exponents.from_shares([shares[head] for head in heads])
    elif stored["source"] == "none":
        found = exponents.equal(len(heads))
    else:
        found = np.array([stored["exponents"][head] for head in heads])
    return dict(zip(heads, found.tolist(), strict=True))


def _on_validation(
    run: Path, given: argparse.Namespace
) -> Mapping[str, float] | None:
    """Calibrates a run's model on the set's own validation split, if any."""
    if given.split == "validation":
        return None
    training = json.loads((run / "recipe.json").read_text("utf-8"))
    settings = gb.config.Recipe.from_json(training["recipe"]).data
    splits = gb.data.load(
        settings, data_dir=given.data_dir, seed=training["seed"]
    )
    if splits.validation is None:
        return None
    data = datasets.make_dataset(splits.validation, batch_size=128)
    model = gb.runs.load_run(run).model
    powers: Mapping[str, float] = model.calibrate(data).exponents
    return powers


def _print_scores(name: str, methods: Mapping[str, Answers]) -> None:
    print(f"\n### {name}\n")
    print("| method | answer | accuracy % | NLL, nats | ECE % |")
    print("|---|---|---|---|---|")
    for method, answers in methods.items():
        for answer, scores in answers.items():
            spreads = [
                statistics.spread([each[column] for each in scores.values()])
                for column in range(3)
            ]
            cells = [
                f"{each.mean:.{digits}f} ± {each.deviation or 0:.{digits}f}"
                for each, digits in zip(spreads, (1, 2, 1), strict=True)
            ]
            print(f"| {method} | {answer} | {' | '.join(cells)} |")


def _print_differences(found: Mapping[str, Mapping[str, Answers]]) -> None:
    """Prints the pool of the probe against what it must not lose to."""
    print("\n### The pool of `probe`, differences in points of accuracy\n")
    rivals = ("joint training", "best of `modalities`", "pool of `modalities`")
    rows: list[tuple[str, list[tuple[str, statistics.Difference] | None]]] = []
    for name, methods in found.items():
        ours = methods.get("probe", {}).get("pool")
        if ours is None:
            continue
        alone = methods.get("modalities", {})
        best = max(alone, key=lambda each: _mean(alone[each]), default=None)
        against = (
            ("joint", methods.get("joint", {}).get(JOINT)),
            (str(best), alone.get(best) if best else None),
            ("pool", alone.get("pool")),
        )
        rows.append(
            (
                name,
                [
                    (label, _difference(ours, other)) if other else None
                    for label, other in against
                ],
            )
        )
    titles = [f"to {rival} | p, Holm" for rival in rivals]
    print(f"| set | {' | '.join(titles)} |")
    print("|---" * (1 + 2 * len(rivals)) + "|")
    corrected = [
        statistics.holm(
            [
                each[column][1].p_value if each[column] else 1.0
                for _, each in rows
            ]
        )
        for column in range(len(rivals))
    ]
    for place, (name, each) in enumerate(rows):
        cells = []
        for column, pair in enumerate(each):
            if pair is None:
                cells += ["-", "-"]
                continue
            label, found_difference = pair
            low, high = found_difference.interval or (np.nan, np.nan)
            cells.append(
                f"{found_difference.mean:+.1f} [{low:+.1f} {high:+.1f}]"
                + (f" (`{label}`)" if column == 1 else "")
            )
            cells.append(f"{corrected[column][place]:.3f}")
        print(f"| {name} | {' | '.join(cells)} |")


def _mean(scores: Mapping[int, Scores]) -> float:
    return float(np.mean([each.accuracy for each in scores.values()]))


def _difference(
    one: Mapping[int, Scores], other: Mapping[int, Scores]
) -> statistics.Difference:
    return statistics.paired_difference(
        {seed: each.accuracy for seed, each in one.items()},
        {seed: each.accuracy for seed, each in other.items()},
    )


if __name__ == "__main__":
    main()
