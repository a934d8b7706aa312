"""What the page of a comparison says of training, and what that cost."""

import functools
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from gblend_keras.reporting import gathering
from gblend_keras.reporting import markup
from gblend_keras.reporting import parts
from gblend_keras.reporting import pictures
from gblend_keras.reporting import standings

Curves = dict[str, list[list[float]]]  # {answer: one run's accuracies, ...}


def curves_section(found: gathering.Comparison) -> markup.Section | None:
    """Returns the accuracies of every method over epochs."""
    curves = {method: _curves_of(runs) for method, runs in found.runs.items()}
    kept = {method: each for method, each in curves.items() if each}
    limits = _limits(list(kept.values()))
    figures = [
        pictures.accuracies(
            each,
            heads=found.runs[method][0].heads,
            split=found.values["evaluated_on"],
            title=method,
            limits=limits,
        )
        for method, each in kept.items()
    ]
    return _gallery(
        "Curves",
        "Accuracy of every head, mean over seeds and, shaded, their range. "
        "The losses are in the reports of the runs.",
        figures,
    )


def weights_section(found: gathering.Comparison) -> markup.Section | None:
    """Returns the weights of every method that estimates."""
    return _gallery(
        "Blend weights",
        "Weights of each estimate, mean over seeds; the bars are the 95 % "
        "intervals of single estimates, averaged.",
        [
            pictures.weights(entries, title=method)
            for method, runs in found.runs.items()
            if (entries := gathering.mean_weights(runs))
        ],
    )


def ratios_section(found: gathering.Comparison) -> markup.Section | None:
    """Returns the OGR of every method that estimates."""
    figures = []
    for method, runs in found.runs.items():
        ratios = gathering.median_ratios(runs)
        epochs = [each.epochs for each in gathering.mean_weights(runs)]
        if ratios:
            figures.append(pictures.ratios(ratios, epochs, title=method))
    return _gallery(
        "Overfitting to generalisation (OGR)",
        "Median over seeds. How much of what a head learnt did not carry over "
        "to held-out examples: the lower, the better.",
        figures,
    )


def cost_section(found: gathering.Comparison) -> markup.Section | None:
    """Returns accuracy against cost, and what the comparison took."""
    rows = gathering.main_rows(found.rows)
    figures = [
        _cost(rows, "seconds", "seconds a run", parts.duration),
        _cost(rows, "examples_trained", "examples trained a run", parts.count),
    ]
    return markup.section(
        "Cost",
        rows
        and markup.paragraph(
            "The main answer of each method against what one run of it costs, "
            "mean over seeds, estimates included."
        ),
        markup.gallery(figures),
        _harness(found),
    )


def _curves_of(runs: gathering.Runs) -> Curves:
    answers = dict.fromkeys(answer for run in runs for answer in run.answers)
    curves = {
        answer: [run.accuracy_curve(answer) for run in runs]
        for answer in answers
    }
    return {answer: each for answer, each in curves.items() if all(each)}


def _limits(curves: Sequence[Curves]) -> tuple[float, float] | None:
    values = [
        100 * value
        for each in curves
        for runs in each.values()
        for run in runs
        for value in run
        if math.isfinite(value)
    ]
    if not values:
        return None
    margin = 0.05 * (max(values) - min(values)) + 0.5
    return min(values) - margin, max(values) + margin


def _gallery(
    title: str, text: str, figures: Sequence[markup.Html | None]
) -> markup.Section | None:
    if not any(figures):
        return None
    return markup.section(
        title, markup.paragraph(text), markup.gallery(figures)
    )


def _cost(
    rows: Sequence[gathering.Row],
    field: str,
    label: str,
    text: Callable[[Any], str | None],
) -> markup.Html | None:
    known = [row for row in rows if row[field] is not None]
    if not known:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {text(row[field])}, "
        f"{100 * row['mean']:.1f} %"
        for row in known
    )
    return markup.figure(
        functools.partial(
            standings.draw_costs, rows=known, field=field, label=label
        ),
        size=(4.2, 2.8 + 0.08 * len(known)),
        alt=f"Accuracy against {label}: {said}.",
    )


def _harness(found: gathering.Comparison) -> markup.Html | None:
    used = found.values["harness"]
    if not used.get("new_runs"):
        return None
    training = parts.duration(used["training_seconds"])
    return markup.paragraph(
        f"The last call did {used['new_runs']} runs, {used['jobs']} at a "
        f"time, in {parts.duration(used['wall_seconds'])}; their training, "
        f"added up, took {training}.",
        class_="soft",
    )
