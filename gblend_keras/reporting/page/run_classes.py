"""What the page of a run says of classes and modalities."""

import functools

from gblend_keras import heads
from gblend_keras.reporting import run_data
from gblend_keras.reporting.figures import classes
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import sections


def gains_section(run: run_data.RunFolder) -> html.Section | None:
    """Returns what fusion gains over the best modality, class by class."""
    found = run.evaluation.get("gains")
    if not found:
        return None
    best = found["best_modality"]
    if best not in run.answers or heads.JOINT not in run.answers:
        return None  # one of the two was not trained
    what = "accuracy"
    if found["measure"] == "class_average_precision":
        what = "average precision"
    pictures = [
        sections.gains(
            found[answer]["improved"],
            found[answer]["dropped"],
            answer=answer,
            base=best,
        )
        for answer in heads.FUSED
        if answer in run.answers and answer in found
    ]
    return html.section(
        "Gains of classes",
        html.paragraph(
            f"What the fused answers gain in {what} over {best}, the best "
            "modality head of the same network."
        ),
        html.gallery(pictures) or html.paragraph("No class gains or loses."),
    )


def confusion_section(run: run_data.RunFolder) -> html.Section | None:
    """Returns the confusion matrix of the main answer."""
    if not run.evaluation:
        return None
    answer = run.answers[0]
    counts = run_data.confusion_of(run, answer)
    if counts is None:
        return None
    names = run.evaluation["class_names"]
    return html.section(
        "Confusion", *sections.confusion(counts.tolist(), names, answer=answer)
    )


def subsets_section(run: run_data.RunFolder) -> html.Section | None:
    """Returns scores of subsets of modalities, where they were evaluated."""
    found = run.evaluation.get("modalities")
    if not found:
        return None
    scores = {
        " + ".join(each["modalities"]): each["score"] or 0.0
        for each in reversed(found["subsets"])
    }
    scores["nothing (a guess)"] = found["empty"]
    picture = html.figure(
        functools.partial(
            classes.draw_subsets, scores=scores, metric=found["metric"]
        ),
        size=classes.subsets_size(len(scores)),
        alt="Scores with these modalities alone: "
        + ", ".join(
            f"{name} {sections.percent(v)} %" for name, v in scores.items()
        ),
    )
    table = html.table(
        "What each modality adds on average (Shapley value)",
        ("modality", "points"),
        [
            (name, sections.percent(value, sign="+"))
            for name, value in found["shapley"].items()
        ],
    )
    return html.section("Subsets of modalities", html.gallery([picture, table]))
