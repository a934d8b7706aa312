"""What the page of a comparison says of training, and what that cost."""

import functools
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from gblend_keras.reporting import _comparison_data
from gblend_keras.reporting.figures import standings
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import pictures
from gblend_keras.reporting.page import sections

Curves = dict[str, list[list[float]]]  # {answer: one run's accuracies, ...}


def curves_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns the accuracies of every method over epochs."""
    kept: dict[str, Curves] = {}
    for method, runs in found.runs.items():
        answers = dict.fromkeys(name for run in runs for name in run.answers)
        curves = {
            answer: [run.accuracy_curve(answer) for run in runs]
            for answer in answers
        }
        filled = {answer: each for answer, each in curves.items() if all(each)}
        if filled:
            kept[method] = filled
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


def weights_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns the weights of every method that estimates."""
    return _gallery(
        "Blend weights",
        "Weights of each estimate, mean over seeds; the bars are the 95 % "
        "intervals of single estimates, averaged.",
        [
            pictures.weights(entries, title=method)
            for method, runs in found.runs.items()
            if (entries := _comparison_data.mean_weights(runs))
        ],
    )


def ratios_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns the OGR of every method that estimates."""
    figures = []
    for method, runs in found.runs.items():
        ratios = _comparison_data.median_ratios(runs)
        epochs = [each.epochs for each in _comparison_data.mean_weights(runs)]
        if ratios:
            figures.append(pictures.ratios(ratios, epochs, title=method))
    return _gallery(
        "Overfitting to generalisation (OGR)",
        "Median over seeds. How much of what a head learnt did not carry over "
        "to held-out examples: the lower, the better.",
        figures,
    )


def cost_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns accuracy against cost, and what the comparison took."""
    rows = _comparison_data.main_rows(found.rows)
    figures = [
        _cost(rows, "seconds", "seconds a run", sections.duration),
        _cost(
            rows, "examples_trained", "examples trained a run", sections.count
        ),
    ]
    used = found.values["harness"]
    note = used.get("new_runs") and html.paragraph(
        f"The last call did {used['new_runs']} runs, {used['jobs']} at a "
        f"time, in {sections.duration(used['wall_seconds'])}; their training, "
        f"added up, took {sections.duration(used['training_seconds'])}.",
        class_="soft",
    )
    return html.section(
        "Cost",
        rows
        and html.paragraph(
            "The main answer of each method against what one run of it costs, "
            "mean over seeds, estimates included."
        ),
        html.gallery(figures),
        note,
    )


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
    title: str, text: str, figures: Sequence[html.Html | None]
) -> html.Section | None:
    if not any(figures):
        return None
    return html.section(title, html.paragraph(text), html.gallery(figures))


def _cost(
    rows: Sequence[_comparison_data.Row],
    field: str,
    label: str,
    text: Callable[[Any], str | None],
) -> html.Html | None:
    known = [row for row in rows if row[field] is not None]
    if not known:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {text(row[field])}, "
        f"{100 * row['mean']:.1f} %"
        for row in known
    )
    return html.figure(
        functools.partial(
            standings.draw_costs, rows=known, field=field, label=label
        ),
        size=(4.2, 2.8 + 0.08 * len(known)),
        alt=f"Accuracy against {label}: {said}.",
    )
