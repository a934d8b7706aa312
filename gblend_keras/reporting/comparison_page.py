"""The page of one comparison."""

import functools
from pathlib import Path
from typing import Any

from gblend_keras.comparison import cells
from gblend_keras.comparison import remarks
from gblend_keras.reporting import comparison_classes
from gblend_keras.reporting import comparison_training
from gblend_keras.reporting import gathering
from gblend_keras.reporting import markup
from gblend_keras.reporting import page
from gblend_keras.reporting import parts
from gblend_keras.reporting import standings

SIGNIFICANT = 0.05


def write(folder: Path, *, version: str) -> str:
    """Returns the page of a comparison.

    Args:
        folder: Its directory.
        version: Of gblend_keras.

    Raises:
        ValueError: If a file in it is damaged.
    """
    found = gathering.read(folder)
    recipe = found.values["recipe"]["name"]
    num_methods = len({row["method"] for row in found.values["rows"]})
    num_seeds = len(found.values["seeds"])
    return page.page(
        f"{recipe}: {num_methods} methods, {num_seeds} "
        f"{'seed' if num_seeds == 1 else 'seeds'}",
        _head(found),
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
    best = gathering.best_row(rows)
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


def _head(found: gathering.Comparison) -> list[markup.Html]:
    text = markup.paragraph(" ".join(verdict(found.values)), class_="lead")
    failed = len(found.values["failures"])
    if not failed:
        return [text]
    runs = "1 run has" if failed == 1 else f"{failed} runs have"
    return [text, markup.paragraph(f"{runs} failed.", class_="notice bad")]


def _failures(found: gathering.Comparison) -> markup.Section | None:
    failures = found.values["failures"]
    if not failures:
        return None
    rows = [
        (
            each["method"],
            each["run"],
            markup.element("span", f"FAILED: {each['error']}", class_="bad"),
            markup.element(
                "div", remarks.shortened(each["reason"]), class_="wide"
            ),
        )
        for each in failures
    ]
    header = ("method", "run", "what happened", "reason")
    return markup.section(
        "Failed runs",
        markup.table("Runs without a result", header, rows, names=4),
    )


def _results(found: gathering.Comparison) -> markup.Section | None:
    header, *body = cells.lines(found.values)
    rows = [
        [
            markup.element("span", cell, class_="bad")
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
        for note in remarks.sentences(found.values)
        if not any(note.startswith(each) for each in failed)
    ]
    caption = f"Accuracy on {found.values['evaluated_on']} of each answer"
    return markup.section(
        "Results",
        markup.gallery([_accuracies(found), _differences(found)]),
        markup.table(caption, header, rows, names=2),
        markup.bullets(notes),
    )


def _accuracies(found: gathering.Comparison) -> markup.Html | None:
    rows, split = found.rows, found.values["evaluated_on"]
    if not rows:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {100 * row['mean']:.1f} %" for row in rows
    )
    return markup.figure(
        functools.partial(standings.draw_accuracies, rows=rows, split=split),
        size=standings.size(len(rows)),
        alt=f"Mean accuracy on {split}: {said}.",
        caption="Mean with its 95 % interval; a stroke for each seed; the "
        "dotted line is joint.",
    )


def _differences(found: gathering.Comparison) -> markup.Html | None:
    rows = [row for row in found.rows if row["difference"]]
    if not rows:
        return None
    said = "; ".join(
        f"{standings.name_of(row)} {100 * row['difference']['mean']:+.1f}"
        for row in rows
    )
    return markup.figure(
        functools.partial(standings.draw_differences, rows=rows),
        size=standings.size(len(rows)),
        alt=f"Mean difference to joint in points: {said}.",
        caption="Mean difference to joint training of the same seeds, with "
        "its 95 % interval.",
    )


def _tuning(found: gathering.Comparison) -> markup.Section | None:
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
                    else parts.percent(each["validation_accuracy"]),
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
    return markup.section(
        "Tuning",
        markup.paragraph(
            "Every method had the same number of tries, chosen on a "
            "validation split of the training set."
        ),
        markup.details(
            f"All {len(rows)} tries",
            markup.table("Tries of each method", header, rows),
        ),
    )


def _runs(found: gathering.Comparison) -> markup.Section | None:
    rows = []
    for each in found.values["runs"]:
        accuracy = each["accuracy"] or {}
        known = {
            run.folder: run.answers
            for run in found.runs.get(each["method"], ())
        }.get(found.folder / each["folder"], [])
        said = ", ".join(
            f"{name} {parts.percent(accuracy[name])} %"
            for name in known
            if name in accuracy
        )
        rows.append(
            (
                each["method"],
                each["seed"],
                markup.element("span", "FAILED", class_="bad")
                if each["failed"]
                else said,
                parts.duration(each["seconds"]) or "–",
                _link(found.folder, each["folder"]),
            )
        )
    return markup.section(
        "Runs",
        markup.table(
            "Every run, and its own report",
            ("method", "seed", "accuracy", "time", "report"),
            rows,
            names=3,
        ),
    )


def _link(folder: Path, run: str) -> markup.Html | str:
    if not (folder / run / "report.html").is_file():
        return "–"
    return markup.element("a", "open", href=f"{run}/report.html")


def _what_was_run(found: gathering.Comparison) -> markup.Section | None:
    values = found.values
    return markup.section(
        "What was run",
        markup.facts(
            [
                (
                    "Methods",
                    ", ".join(
                        dict.fromkeys(row["method"] for row in values["rows"])
                    ),
                ),
                ("Seeds", ", ".join(map(str, values["seeds"]))),
                *parts.data_facts(values["recipe"]),
                ("Examples evaluated", values["num_evaluated"]),
                *parts.environment_facts(values),
                ("Folder", parts.code(found.folder)),
            ]
        ),
        parts.recipe_details(values["recipe"]),
    )
