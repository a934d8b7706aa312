"""What the page of a comparison says of classes and modalities."""

from typing import Any

from gblend_keras import heads
from gblend_keras.evaluation import metrics
from gblend_keras.reporting import _comparison_data
from gblend_keras.reporting.figures import standings
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import sections
from gblend_keras.runs import directory


def gains_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns what fusion gains over the best modality, class by class."""
    base = _comparison_data.best_modality(found.runs)
    if base is None:
        return None
    method, head = base
    scores = _comparison_data.class_scores(found.runs[method], head)
    if scores is None:
        return None
    names = found.runs[method][0].evaluation["class_names"]
    figures = []
    for row in _fused_rows(found):
        others = _comparison_data.class_scores(
            found.runs[row["method"]], row["answer"]
        )
        if others is not None:
            gains = [
                None if mine is None or other is None else mine - other
                for mine, other in zip(others, scores, strict=True)
            ]
            gained, lost = metrics.largest_changes(gains, names)
            label = standings.name_of(row)
            figures.append(
                sections.gains(gained, lost, answer=label, base=head)
            )
    return html.section(
        "Gains of classes",
        html.paragraph(
            f"What fusion gains over {head}, the best modality trained by "
            "itself (the paper's Fig. 6), mean over seeds."
        ),
        html.gallery(figures),
    )


def _fused_rows(found: _comparison_data.Comparison) -> list[dict[str, Any]]:
    """Returns joint training and the best other row that fuses."""
    fused = [
        row
        for row in found.rows
        for run in found.runs.get(row["method"], ())[:1]
        if heads.JOINT in run.answers
    ]
    baseline = directory.BASELINE
    joint = [row for row in fused if row["method"] == baseline]
    others = [row for row in fused if row["method"] != baseline]
    return joint + sorted(others, key=lambda row: -row["mean"])[:1]


def confusion_section(
    found: _comparison_data.Comparison,
) -> html.Section | None:
    """Returns the confusion matrix of the highest row, seeds added up."""
    best = _comparison_data.best_row(found.rows)
    runs = found.runs.get(best["method"]) if best else None
    if best is None or not runs:
        return None
    counts = _comparison_data.total_confusion(runs, best["answer"])
    if counts is None:
        return None
    seeds = "one seed" if len(runs) == 1 else f"{len(runs)} seeds together"
    return html.section(
        "Confusion",
        html.paragraph(
            f"Of {standings.name_of(best)}, the highest mean; {seeds}."
        ),
        *sections.confusion(
            counts.tolist(),
            runs[0].evaluation["class_names"],
            answer=standings.name_of(best),
        ),
    )


def subsets_section(found: _comparison_data.Comparison) -> html.Section | None:
    """Returns scores of subsets of modalities, where they were evaluated."""
    scores, worth = _comparison_data.subset_scores(found.runs)
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
                    sections.percent(each[name], sign=sign)
                    for each in values.values()
                ],
            ]
            for name in names
        ]
        tables.append(html.table(caption, ["modalities", *values], rows))
    return html.section("Subsets of modalities", html.gallery(tables))
