"""How many clean examples do the exponents of a pool need?

    python scripts/clean_examples.py --picture=FILE.png NAME=RUN...

For evaluated runs: exponents are fitted on 5 to 250 of the evaluated examples,
drawn 20 times, and judged on the others. Beside it, what needs none: the mean,
the log-mean, and what the run answers with. Prints accuracy in % and negative
log-likelihood in nats, and draws the accuracies. Trains nothing.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras.answers import exponents
from gblend_keras.answers import pool
from gblend_keras.evaluation import forecasts
from gblend_keras.reporting.figures import style

SIZES = (5, 10, 25, 50, 100, 250)
NUM_DRAWS = 20
FREE = ("mean", "log-mean", "pool of the run")
FEWEST_LEFT = 40  # examples to judge on


def main() -> None:
    """Prints a table and draws it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="NAME=FOLDER")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    columns = [*FREE, *map(str, SIZES)]
    print(f"| run | examples | {' | '.join(columns)} |")
    print("|---" * (2 + len(columns)) + "|")
    curves = {}
    for each in given.runs:
        name, _, folder = each.partition("=")
        found, size = _scores(Path(folder))
        cells = [
            f"{found[column][0]:.1f}, {found[column][1]:.2f}"
            if column in found
            else "-"
            for column in columns
        ]
        print(f"| {name} | {size} | {' | '.join(cells)} |", flush=True)
        curves[name] = found
    if given.picture:
        style.save_png(
            lambda figure: _draw(figure, curves), given.picture, size=(6.4, 4.2)
        )


def _scores(folder: Path) -> tuple[dict[str, tuple[float, float]], int]:
    """Returns `{column: (accuracy, loss)}`, and how many were evaluated."""
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    heads = summary["answering_heads"]
    split = summary["evaluated_on"]
    path = folder / f"evaluation_{split}" / "predictions.npz"
    with np.load(path, allow_pickle=False) as arrays:
        y = arrays["y"].astype(np.int64)
        said = [arrays[f"probabilities_{head}"] for head in heads]
    evidence = np.stack(
        [np.asarray(pool.evidence_of(p, multi_label=False)) for p in said],
        axis=1,
    )
    held_out = exponents.Heldout(evidence, y, np.ones(len(y)))
    powers = [summary["pool"]["exponents"][head] for head in heads]
    mean = np.mean(said, axis=0)
    found = {
        "mean": (
            100 * float(np.mean(mean.argmax(axis=1) == y)),
            forecasts.negative_log_likelihood(mean, y),
        ),
        "log-mean": _judged(held_out, np.full(len(heads), 1 / len(heads))),
        "pool of the run": _judged(held_out, np.array(powers)),
    }
    rng = np.random.default_rng(0)
    for size in SIZES:
        if size > len(y) - FEWEST_LEFT:
            break
        drawn = []
        for _ in range(NUM_DRAWS):
            order = rng.permutation(len(y))
            fitted = exponents.fit(held_out.of(order[:size]))
            drawn.append(_judged(held_out.of(order[size:]), fitted))
        found[str(size)] = tuple(np.mean(drawn, axis=0).tolist())
    return found, len(y)


def _judged(held_out: exponents.Heldout, powers: Any) -> tuple[float, float]:
    total = np.tensordot(held_out.evidence, powers, axes=([1], [0]))
    right = np.mean(total.argmax(axis=1) == held_out.labels)
    return 100 * float(right), float(exponents.losses(held_out, powers).mean())


def _draw(figure: Any, curves: dict[str, dict[str, Any]]) -> None:
    axis = figure.subplots()
    for place, (name, found) in enumerate(curves.items()):
        look = style.look(place)
        base = found["log-mean"][0]
        sizes = [size for size in SIZES if str(size) in found]
        axis.plot(
            sizes,
            [found[str(size)][0] - base for size in sizes],
            color=look.color,
            marker=look.marker,
            linestyle=look.line,
            label=name,
        )
        axis.plot(
            [3],
            [found["pool of the run"][0] - base],
            color=look.color,
            marker=look.marker,
            markersize=9,
            markerfacecolor="none",
            linestyle="none",
        )
    axis.axhline(0, color=style.INK, linewidth=0.8)
    axis.set_xscale("log")
    axis.set_xticks([3, *SIZES], ["none", *map(str, SIZES)])
    axis.minorticks_off()
    axis.set(
        xlabel="clean examples (none: from the shares that generalise)",
        ylabel="points of accuracy above the log-mean",
    )
    axis.grid(visible=True)
    style.legend_below(figure, *axis.get_legend_handles_labels())


if __name__ == "__main__":
    main()
