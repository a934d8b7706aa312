"""What the page of a run says of classes and modalities."""

import functools

from gblend_keras.reporting import classes
from gblend_keras.reporting import folders
from gblend_keras.reporting import markup
from gblend_keras.reporting import naming
from gblend_keras.reporting import parts


def gains_section(run: folders.RunFolder) -> markup.Section | None:
    """Returns what fusion gains over the best modality, class by class."""
    found = run.evaluation.get("gains")
    if not found:
        return None
    best = found["best_modality"]
    if best not in run.answers or naming.JOINT not in run.answers:
        return None  # one of the two was not trained
    what = "accuracy"
    if found["measure"] == "class_average_precision":
        what = "average precision"
    pictures = [
        parts.gains(
            found[answer]["improved"],
            found[answer]["dropped"],
            answer=answer,
            base=best,
        )
        for answer in (naming.JOINT, naming.BLEND)
        if answer in run.answers
    ]
    return markup.section(
        "Gains of classes",
        markup.paragraph(
            f"What the fused answers gain in {what} over {best}, the best "
            "modality head of the same network."
        ),
        markup.gallery(pictures)
        or markup.paragraph("No class gains or loses."),
    )


def confusion_section(run: folders.RunFolder) -> markup.Section | None:
    """Returns the confusion matrix of the main answer."""
    if not run.evaluation:
        return None
    answer = run.answers[0]
    counts = folders.confusion_of(run, answer)
    if counts is None:
        return None
    names = run.evaluation["class_names"]
    return markup.section(
        "Confusion", *parts.confusion(counts.tolist(), names, answer=answer)
    )


def subsets_section(run: folders.RunFolder) -> markup.Section | None:
    """Returns scores of subsets of modalities, where they were evaluated."""
    found = run.evaluation.get("modalities")
    if not found:
        return None
    scores = {
        " + ".join(each["modalities"]): each["score"] or 0.0
        for each in reversed(found["subsets"])
    }
    scores["nothing (a guess)"] = found["empty"]
    picture = markup.figure(
        functools.partial(
            classes.draw_subsets, scores=scores, metric=found["metric"]
        ),
        size=classes.subsets_size(len(scores)),
        alt="Scores with these modalities alone: "
        + ", ".join(
            f"{name} {parts.percent(v)} %" for name, v in scores.items()
        ),
    )
    table = markup.table(
        "What each modality adds on average (Shapley value)",
        ("modality", "points"),
        [
            (name, parts.percent(value, sign="+"))
            for name, value in found["shapley"].items()
        ],
    )
    return markup.section(
        "Subsets of modalities", markup.gallery([picture, table])
    )
