"""The page of one comparison."""

import functools
from pathlib import Path
from typing import Any

from gblend_keras.reporting import _comparison_data
from gblend_keras.reporting import comparison_cells
from gblend_keras.reporting import comparison_remarks
from gblend_keras.reporting.figures import standings
from gblend_keras.reporting.page import comparison_classes
from gblend_keras.reporting.page import comparison_training
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import layout
from gblend_keras.reporting.page import sections

SIGNIFICANT = 0.05


def write(folder: Path, *, version: str) -> str:
    """Returns the page of a comparison.

    Args:
        folder: Its directory.
        version: Of gblend_keras.

    Raises:
        ValueError: If a file in it is damaged.
    """
    found = _comparison_data.read(folder)
    recipe = found.values["recipe"]["name"]
    num_methods = len({row["method"] for row in found.values["rows"]})
    num_seeds = len(found.values["seeds"])
    head = [html.paragraph(" ".join(verdict(found.values)), class_="lead")]
    failed = len(found.values["failures"])
    if failed:
        runs = "1 run has" if failed == 1 else f"{failed} runs have"
        head.append(html.paragraph(f"{runs} failed.", class_="notice bad"))
    return layout.page(
        f"{recipe}: {num_methods} methods, {num_seeds} "
        f"{'seed' if num_seeds == 1 else 'seeds'}",
        head,
        [
            _failures(found),
            _results(found),
            comparison_training.curves_section(found),
            comparison_training.weights_section(found),
            comparison_training.ratios_section(found),
            comparison_classes.gains_section(found),
            comparison_classes.confusion_section(found),
            comparison_classes.subsets_section(found),
            comparison_training.cost_section(found),
            _tuning(found),
            _runs(found),
            _what_was_run(found),
        ],
        version=version,
    )


def verdict(values: dict[str, Any]) -> list[str]:
    """Says in words what a comparison has found."""
    rows = [row for row in values["rows"] if row["num_runs"]]
    best = _comparison_data.best_row(rows)
    if best is None:
        return ["No run has finished."]
    spread = (
        "" if best["deviation"] is None else f" ± {100 * best['deviation']:.1f}"
    )
    lines = [
        f"The highest mean accuracy on {values['evaluated_on']} is that of "
        f"{standings.name_of(best)}: {100 * best['mean']:.1f}{spread} %."
    ]
    found = [
        row
        for row in rows
        if row["difference"] and row["difference"].get("p_holm") is not None
    ]
    if not found:
        return lines
    clear = [
        f"{standings.name_of(row)} ({100 * row['difference']['mean']:+.1f} "
        "points)"
        for row in found
        if row["difference"]["p_holm"] < SIGNIFICANT
    ]
    if clear:
        lines.append(
            "Told apart from joint training at the 5 % level, after "
            f"correction: {', '.join(clear)}."
        )
    else:
        lines.append(
            "After correction for several comparisons, none can be told "
            "apart from joint training at the 5 % level with so few seeds."
        )
    return lines


def _failures(found: _comparison_data.Comparison) -> html.Section | None:
    failures = found.values["failures"]
    if not failures:
        return None
    rows = [
        (
            each["method"],
            each["run"],
            html.element("span", f"FAILED: {each['error']}", class_="bad"),
            html.element(
                "div",
                comparison_remarks.shortened(each["reason"]),
                class_="wide",
            ),
        )
        for each in failures
    ]
    header = ("method", "run", "what happened", "reason")
    return html.section(
        "Failed runs",
        html.table("Runs without a result", header, rows, names=4),
    )


def _results(found: _comparison_data.Comparison) -> html.Section | None:
    header, *body = comparison_cells.lines(found.values)
    rows = [
        [
            html.element("span", cell, class_="bad")
            if cell == "failed"
            else cell
            for cell in line
        ]
        for line in body
    ]
    failed = {
        f"FAILED: {each['method']}, {each['run']}:"
        for each in found.values["failures"]
    }
    notes = [
        note
        for note in comparison_remarks.sentences(found.values)
        if not any(note.startswith(each) for each in failed)
    ]
    caption = f"Accuracy on {found.values['evaluated_on']} of each answer"
    return html.section(
        "Results",
        html.gallery([_accuracies(found), _differences(found)]),
        html.table(caption, header, rows, names=2),
        html.bullets(notes),
    )


def _accuracies(found: _comparison_data.Comparison) -> html.Html | None:
    rows, split = found.rows, found.values["evaluated_on"]
    if not rows:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {100 * row['mean']:.1f} %" for row in rows
    )
    return html.figure(
        functools.partial(standings.draw_accuracies, rows=rows, split=split),
        size=standings.size(len(rows)),
        alt=f"Mean accuracy on {split}: {said}.",
        caption="Mean with its 95 % interval; a stroke for each seed; the "
        "dotted line is joint.",
    )


def _differences(found: _comparison_data.Comparison) -> html.Html | None:
    rows = [row for row in found.rows if row["difference"]]
    if not rows:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {100 * row['difference']['mean']:+.1f}"
        for row in rows
    )
    return html.figure(
        functools.partial(standings.draw_differences, rows=rows),
        size=standings.size(len(rows)),
        alt=f"Mean difference to joint in points: {said}.",
        caption="Mean difference to joint training of the same seeds, with "
        "its 95 % interval.",
    )


def _tuning(found: _comparison_data.Comparison) -> html.Section | None:
    rows = []
    for method, entry in found.values["tuning"].items():
        chosen = (entry["chosen"] or {}).get("try")
        for each in entry["tries"]:
            rows.append(
                (
                    method,
                    each["try"],
                    f"{each['learning_rate']:g}",
                    f"{each['weight_decay']:g}",
                    "failed"
                    if each["failed"]
                    else sections.percent(each["validation_accuracy"]),
                    "chosen" if each["try"] == chosen else "",
                )
            )
    if not rows:
        return None
    header = (
        "method",
        "try",
        "learning rate",
        "weight decay",
        "validation %",
        "",
    )
    return html.section(
        "Tuning",
        html.paragraph(
            "Every method had the same number of tries, chosen on a "
            "validation split of the training set."
        ),
        html.details(
            f"All {len(rows)} tries",
            html.table("Tries of each method", header, rows),
        ),
    )


def _runs(found: _comparison_data.Comparison) -> html.Section | None:
    rows = []
    for each in found.values["runs"]:
        accuracy = each["accuracy"] or {}
        known = {
            run.folder: run.answers
            for run in found.runs.get(each["method"], ())
        }.get(found.folder / each["folder"], [])
        said = ", ".join(
            f"{name} {sections.percent(accuracy[name])} %"
            for name in known
            if name in accuracy
        )
        link: html.Html | str = "–"
        if (found.folder / each["folder"] / "report.html").is_file():
            page = f"{each['folder']}/report.html"
            link = html.element("a", "open", href=page)
        rows.append(
            (
                each["method"],
                each["seed"],
                html.element("span", "FAILED", class_="bad")
                if each["failed"]
                else said,
                sections.duration(each["seconds"]) or "–",
                link,
            )
        )
    return html.section(
        "Runs",
        html.table(
            "Every run, and its own report",
            ("method", "seed", "accuracy", "time", "report"),
            rows,
            names=3,
        ),
    )


def _what_was_run(found: _comparison_data.Comparison) -> html.Section | None:
    values = found.values
    return html.section(
        "What was run",
        html.facts(
            [
                (
                    "Methods",
                    ", ".join(
                        dict.fromkeys(row["method"] for row in values["rows"])
                    ),
                ),
                ("Seeds", ", ".join(map(str, values["seeds"]))),
                *sections.data_facts(values["recipe"]),
                ("Examples evaluated", values["num_evaluated"]),
                *sections.environment_facts(values),
                ("Folder", sections.code(found.folder)),
            ]
        ),
        sections.recipe_details(values["recipe"]),
    )
