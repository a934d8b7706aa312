"""Several blends, several seeds -> one table."""

import statistics
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras import files
from gblend_keras import reporting
from gblend_keras import training
from gblend_keras.blending import callback as blending
from gblend_keras.network import BLEND
from gblend_keras.network import JOINT

METHODS = ("modalities", "joint", "uniform", "offline", "online")


def compare(
    recipe: config.Recipe,
    run: training.Run,
    *,
    methods: Sequence[str] = METHODS,
    seeds: Iterable[int] = range(5),
) -> list[dict[str, Any]]:
    """Trains every method with every seed and collects the accuracies.

    Same data, same initial weights, same learning rate for a seed. Finished
    runs are reused, so that an interrupted comparison goes on.

    Args:
        recipe: What is trained.
        run: Where to; each run gets the folder `METHOD/seed-SEED` below.
        methods: Blends, as `--blend` takes them.
        seeds: One run each.

    Returns:
        One row an answer: `method`, `answer` (a head, "ensemble" or "blend"),
        `mean`, `deviation`, `accuracies` by seed, `seconds` of a run.
    """
    # TensorFlow takes the functions of many models for one traced too often.
    tf.get_logger().setLevel("ERROR")
    summaries: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
    for seed in seeds:
        for method in methods:
            keras.backend.clear_session()
            if run.verbose:
                print(f"--- {method}, seed {seed}", flush=True)
            one = replace(
                run,
                workdir=run.workdir / method / f"seed-{seed}",
                seed=seed,
                blend=method,
            )
            summaries[method].append(training.train(recipe, one))
    rows = [
        _row(method, answer, runs)
        for method, runs in summaries.items()
        for answer in _answers(method, runs[0])
    ]
    files.write_json(run.workdir / "comparison.json", rows)
    files.write_text(run.workdir / "comparison.md", markdown_table(rows))
    return rows


def describe_runs(workdir: Path, methods: Sequence[str], seed: int) -> str:
    """Returns the weights that one seed's runs were given, and their plots.

    Args:
        workdir: Folder of the comparison.
        methods: Blends that were compared.
        seed: Whose runs are described.
    """
    lines = []
    for method in methods:
        run_dir = workdir / method / f"seed-{seed}"
        history = run_dir / "blend_history.json"
        if history.exists():
            lines.append(f"{method}, seed {seed}:")
            lines.append(
                reporting.weights_table(blending.read_history(history))
            )
        lines.append(f"Plots of {method}: {run_dir}/curves.png")
        if history.exists():
            lines.append(f"  and its weights: {run_dir}/weights.png")
    return "\n".join(lines)


def text_table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the rows as a table for a terminal."""
    lines = [f"{'method':<12}{'answer':<12}{'accuracy %':>14}{'seconds':>9}"]
    for row in rows:
        lines.append(
            f"{row['method']:<12}{row['answer']:<12}{_spread(row):>14}"
            f"{row['seconds']:>9.0f}{reporting.explained(row['answer'])}"
        )
    return "\n".join(lines)


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the rows as a Markdown table."""
    lines = [
        "| method | answer | accuracy % | seconds a run |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['method']} | {row['answer']} | {_spread(row)} "
        f"| {row['seconds']:.0f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _answers(method: str, summary: dict[str, Any]) -> list[str]:
    """The heads that a method has trained, and their means."""
    names = list(summary["accuracy"])
    if method == "modalities":
        return [name for name in names if name not in (JOINT, BLEND)]
    if method in ("uniform", "offline", "online"):
        return [JOINT, BLEND]
    return [method]


def _row(
    method: str, answer: str, runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    values = [run["accuracy"][answer] for run in runs]
    return {
        "method": method,
        "answer": answer,
        "mean": statistics.mean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
        "accuracies": {
            str(run["seed"]): value
            for run, value in zip(runs, values, strict=True)
        },
        "seconds": statistics.mean(run["seconds"] for run in runs),
    }


def _spread(row: dict[str, Any]) -> str:
    mean = f"{100 * row['mean']:.1f}"
    if len(row["accuracies"]) < 2:
        return mean
    return f"{mean} +- {100 * row['deviation']:.1f}"
