"""The page of one comparison."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gblend_keras.comparison import cells
from gblend_keras.comparison import remarks
from gblend_keras.reporting import curves
from gblend_keras.reporting import estimates
from gblend_keras.reporting import gathering
from gblend_keras.reporting import markup
from gblend_keras.reporting import naming
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
            _curves(found),
            _weights(found),
            _ratios(found),
            _gains(found),
            _confusion(found),
            _subsets(found),
            _cost(found),
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
            remarks.shortened(each["reason"]),
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


def _curves(found: gathering.Comparison) -> markup.Section | None:
    split = found.values["evaluated_on"]
    figures = []
    for method, runs in found.runs.items():
        answers = list(
            dict.fromkeys(each for run in runs for each in run.answers)
        )
        curve_of = {
            answer: [run.accuracy_curve(answer) for run in runs]
            for answer in answers
        }
        kept = {name: each for name, each in curve_of.items() if all(each)}
        if not kept:
            continue
        order = [*runs[0].heads, naming.BLEND, naming.ENSEMBLE]
        said = ", ".join(
            f"{name} {100 * sum(c[-1] for c in each) / len(each):.1f} %"
            for name, each in kept.items()
        )
        picture = markup.figure(
            functools.partial(
                curves.draw_accuracies,
                curves=kept,
                indices={name: place for place, name in enumerate(order)},
                split=split,
            ),
            size=(curves.SIZE[0], 3.1),
            alt=f"{method}: accuracy on {split} over epochs; at the end "
            f"{said}.",
            caption=method,
        )
        figures.append(picture)
    return markup.section(
        "Curves",
        figures
        and markup.paragraph(
            "Accuracy of every head, mean over seeds and, shaded, their "
            "range. The losses are in the reports of the runs."
        ),
        markup.gallery(figures),
    )


def _weights(found: gathering.Comparison) -> markup.Section | None:
    figures = []
    for method, runs in found.runs.items():
        entries = gathering.mean_weights(runs)
        if not entries:
            continue
        last = ", ".join(
            f"{head} {weight:.2f}"
            for head, weight in entries[-1].weights.items()
        )
        picture = markup.figure(
            functools.partial(estimates.draw_weights, entries=entries),
            size=estimates.SIZE,
            alt=f"{method}: mean blend weights of {len(entries)} estimates; "
            f"the last are {last}.",
            caption=method,
        )
        figures.append(picture)
    return markup.section(
        "Blend weights",
        figures
        and markup.paragraph(
            "Weights of each estimate, mean over seeds; the bars are the 95 % "
            "intervals of single estimates, averaged."
        ),
        markup.gallery(figures),
    )


def _ratios(found: gathering.Comparison) -> markup.Section | None:
    figures = []
    for method, runs in found.runs.items():
        ratios = gathering.median_ratios(runs)
        if not ratios:
            continue
        last = ", ".join(
            f"{head} {parts.number(values[-1])}"
            for head, values in ratios.items()
        )
        epochs = [each.epochs for each in gathering.mean_weights(runs)]
        picture = markup.figure(
            functools.partial(
                estimates.draw_ratios, ratios=ratios, epochs=epochs
            ),
            size=estimates.SIZE,
            alt=f"{method}: OGR of every head and estimate, median over "
            f"seeds; the last: {last}.",
            caption=method,
        )
        figures.append(picture)
    return markup.section(
        "Overfitting to generalisation (OGR)",
        figures
        and markup.paragraph(
            "Median over seeds. How much of what a head learnt did not carry "
            "over to held-out examples: the lower, the better."
        ),
        markup.gallery(figures),
    )


def _gains(found: gathering.Comparison) -> markup.Section | None:
    base = gathering.best_modality(found.runs)
    if base is None:
        return None
    method, head = base
    scores = gathering.class_scores(found.runs[method], head)
    if scores is None:
        return None
    names = found.runs[method][0].evaluation["class_names"]
    figures = []
    for row in _fused_rows(found):
        others = gathering.class_scores(
            found.runs[row["method"]], row["answer"]
        )
        if others is not None:
            gained, lost = gathering.extremes(others, scores, names)
            label = standings.name_of(row)
            figures.append(parts.gains(gained, lost, answer=label, base=head))
    return markup.section(
        "Gains of classes",
        markup.paragraph(
            f"What fusion gains over {head}, the best modality trained by "
            "itself (the paper's Fig. 6), mean over seeds."
        ),
        markup.gallery(figures),
    )


def _fused_rows(found: gathering.Comparison) -> list[dict[str, Any]]:
    """Returns joint training and the best other row that fuses."""
    fused = [
        row
        for row in found.rows
        if naming.JOINT in _answers_of(found, row["method"])
    ]
    joint = [row for row in fused if row["method"] == naming.JOINT]
    others = [row for row in fused if row["method"] != naming.JOINT]
    return joint + sorted(others, key=lambda row: -row["mean"])[:1]


def _answers_of(found: gathering.Comparison, method: str) -> list[str]:
    runs = found.runs.get(method)
    return runs[0].answers if runs else []


def _confusion(found: gathering.Comparison) -> markup.Section | None:
    best = gathering.best_row(found.rows)
    runs = found.runs.get(best["method"]) if best else None
    if best is None or not runs:
        return None
    counts = gathering.total_confusion(runs, best["answer"])
    if counts is None:
        return None
    seeds = "one seed" if len(runs) == 1 else f"{len(runs)} seeds together"
    return markup.section(
        "Confusion",
        markup.paragraph(
            f"Of {standings.name_of(best)}, the highest mean; {seeds}."
        ),
        *parts.confusion(
            counts.tolist(),
            runs[0].evaluation["class_names"],
            answer=standings.name_of(best),
        ),
    )


def _subsets(found: gathering.Comparison) -> markup.Section | None:
    scores, worth = gathering.subset_scores(found.runs)
    if not scores:
        return None
    tables = []
    for caption, values, sign in (
        ("Score in % with these modalities alone, mean over seeds", scores, ""),
        (
            "Shapley value of each modality in points, mean over seeds",
            worth,
            "+",
        ),
    ):
        names = list(next(iter(values.values())))
        rows = [
            [
                name,
                *[
                    parts.percent(each[name], sign=sign)
                    for each in values.values()
                ],
            ]
            for name in names
        ]
        tables.append(markup.table(caption, ["modalities", *values], rows))
    return markup.section("Subsets of modalities", *tables)


def _cost(found: gathering.Comparison) -> markup.Section | None:
    figures = []
    costs: list[tuple[str, str, Callable[[Any], str | None]]] = [
        ("seconds", "seconds of a run, mean over seeds", parts.duration),
        ("examples_trained", "examples trained on in a run", parts.count),
    ]
    for field, label, text in costs:
        rows = [row for row in found.rows if row[field] is not None]
        if not rows:
            continue
        said = "; ".join(
            f"{standings.name_of(row)} {text(row[field])}, "
            f"{100 * row['mean']:.1f} %"
            for row in rows
        )
        picture = markup.figure(
            functools.partial(
                standings.draw_costs, rows=rows, field=field, label=label
            ),
            size=(4.6, 3.0 + 0.1 * len(rows)),
            alt=f"Accuracy against {label}: {said}.",
        )
        figures.append(picture)
    return markup.section("Cost", markup.gallery(figures), _harness(found))


def _harness(found: gathering.Comparison) -> markup.Html | None:
    used = found.values["harness"]
    if not used.get("new_runs"):
        return None
    return markup.facts(
        [
            ("Runs done by the last call", used["new_runs"]),
            ("Runs at a time", used["jobs"]),
            ("Wall clock", parts.duration(used["wall_seconds"])),
            (
                "of this training, added up",
                parts.duration(used["training_seconds"]),
            ),
        ]
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
