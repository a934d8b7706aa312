"""The page of one run."""

import functools
import math
from collections.abc import Sequence

from gblend_keras import wording
from gblend_keras.reporting import classes
from gblend_keras.reporting import curves
from gblend_keras.reporting import estimates
from gblend_keras.reporting import folders
from gblend_keras.reporting import markup
from gblend_keras.reporting import naming
from gblend_keras.reporting import page
from gblend_keras.reporting import parts

_COLUMNS = {
    "top1": "top-1 %",
    "top5": "top-5 %",
    "mAP": "mAP %",
    "mAUC": "mAUC %",
    "d_prime": "d′",
    "ece": "ECE %",
}


def write(run: folders.RunFolder, *, version: str) -> str:
    """Returns the page of a run, finished or not.

    Args:
        run: What its directory holds.
        version: Of gblend_keras.
    """
    method = run.identity.get(
        "blend", run.summary.get("blend", run.folder.name)
    )
    recipe = run.identity.get("recipe", {}).get("name", "run")
    title = f"{recipe}, {method}"
    seed = run.identity.get("seed", run.summary.get("seed"))
    if seed is not None:
        title += f", seed {seed}"
    return page.page(
        title,
        _head(run),
        [
            _accuracy(run),
            _curves(run),
            _weights(run),
            _ratios(run),
            _gains(run),
            _confusion(run),
            _subsets(run),
            _cost(run),
            _what_was_run(run),
        ],
        version=version,
    )


def _head(run: folders.RunFolder) -> list[markup.Html]:
    if run.failure:
        return [
            markup.paragraph(
                markup.element("strong", "FAILED. ", class_="bad"),
                f"{run.failure.get('error')}: {run.failure.get('reason')}",
                class_="notice bad",
            )
        ]
    if not run.finished:
        return [
            markup.paragraph(
                f"This run has not finished; {len(run.rows)} epochs are done. "
                "The same command goes on from there.",
                class_="notice",
            )
        ]
    accuracy, split = run.summary["accuracy"], run.summary["evaluated_on"]
    boxes = [
        (f"{answer}, {split}", f"{parts.percent(accuracy[answer])} %")
        for answer in run.answers[:3]
    ]
    cost = parts.duration(run.summary.get("seconds"))
    if cost:
        boxes.append(("training", cost))
    return [parts.key_figures(boxes)]


def _accuracy(run: folders.RunFolder) -> markup.Section | None:
    if not run.finished:
        return None
    split, size = run.summary["evaluated_on"], run.summary["num_evaluated"]
    found = run.summary["accuracy"]
    answers = [name for name in run.answers if name in found]
    share = found[answers[0]]
    error = 100 * math.sqrt(share * (1 - share) / size)
    return markup.section(
        "Accuracy",
        _metrics_table(run, answers, f"On {split}, {size} examples"),
        markup.paragraph(
            f"{size} examples leave a standard error of about {error:.1f} "
            "points."
        ),
        _left_out(run),
        _evaluation_hint(run),
    )


def _metrics_table(
    run: folders.RunFolder, answers: Sequence[str], caption: str
) -> markup.Html:
    heads = run.evaluation.get("heads", {})
    columns = [
        name
        for name in _COLUMNS
        if any(
            heads.get(answer, {}).get(name) is not None for answer in answers
        )
    ]
    if not columns:
        header = ["answer", "what it is", "accuracy %"]
        rows = [
            [
                answer,
                _meaning(answer),
                parts.percent(run.summary["accuracy"][answer]),
            ]
            for answer in answers
        ]
        return markup.table(caption, header, rows, names=2)
    header = ["answer", "what it is", *[_COLUMNS[name] for name in columns]]
    rows = [
        [
            answer,
            _meaning(answer),
            *[
                parts.number(heads[answer][name])
                if name == "d_prime"
                else parts.percent(heads[answer][name])
                for name in columns
            ],
        ]
        for answer in answers
        if answer in heads
    ]
    return markup.table(caption, header, rows, names=2)


def _meaning(answer: str) -> str:
    return naming.explained(answer) or f"the head of {answer} alone"


def _left_out(run: folders.RunFolder) -> markup.Html | None:
    others = [head for head in run.heads if head not in run.answers]
    if not others:
        return None
    return markup.paragraph(
        f"Not shown: {', '.join(others)}. The method did not train "
        f"{'it' if len(others) == 1 else 'them'} to the end.",
        class_="soft",
    )


def _evaluation_hint(run: folders.RunFolder) -> markup.Html | None:
    if run.evaluation.get("modalities"):
        return None
    adds = "every subset of modalities"
    if not run.evaluation:
        adds = (
            f"more metrics, gains of classes, the confusion matrix and {adds}"
        )
    return markup.paragraph(
        markup.element(
            "code", f"python tools/evaluate.py --model={run.folder}"
        ),
        f" adds {adds} (with ",
        markup.element("code", 'pip install "gblend_keras[eval]"'),
        ").",
        class_="soft",
    )


def _curves(run: folders.RunFolder) -> markup.Section | None:
    if not run.rows:
        return None
    held = run.summary.get("evaluated_on", "held-out data")
    known = [
        curves.Losses(
            head,
            run.column(f"{head}_loss"),
            run.column(f"val_{head}_loss"),
            "evaluated",
        )
        for head in run.trained_heads
    ]
    top = curves.highest(known)
    figures = [
        markup.figure(
            functools.partial(
                curves.draw_losses,
                curve=curve,
                index=run.heads.index(curve.head),
                top=top,
            ),
            size=curves.SIZE,
            alt=f"Loss of {curve.head} over {len(run.rows)} epochs: train "
            f"from {curve.train[0]:.3f} to {curve.train[-1]:.3f} nats, "
            f"evaluated from {curve.held[0]:.3f} to {curve.held[-1]:.3f} nats.",
        )
        for curve in known
    ]
    return markup.section(
        "Curves",
        markup.paragraph(
            "Loss of every trained head, training (dashed) and evaluated "
            "(solid). A gap that opens between the two is overfitting."
        ),
        markup.gallery([*figures, _accuracy_curve(run, held)]),
    )


def _accuracy_curve(run: folders.RunFolder, split: str) -> markup.Html | None:
    indices = {head: index for index, head in enumerate(run.heads)}
    for mean in (naming.BLEND, naming.ENSEMBLE):
        indices[mean] = len(indices)
    found = {
        answer: [curve]
        for answer in run.answers
        if (curve := run.accuracy_curve(answer))
    }
    if not found:
        return None
    ends = ", ".join(
        f"{answer} {100 * runs[0][-1]:.1f} %" for answer, runs in found.items()
    )
    return markup.figure(
        functools.partial(
            curves.draw_accuracies, curves=found, indices=indices, split=split
        ),
        size=(curves.SIZE[0], 3.1),
        alt=f"Accuracy on {split} over {len(run.rows)} epochs; at the end "
        f"{ends}.",
    )


def _weights(run: folders.RunFolder) -> markup.Section | None:
    if not run.estimates:
        return None
    entries = [estimates.weights_of(each) for each in run.estimates]
    heads = list(entries[0].weights)
    rows = [
        [
            each.epochs,
            *[
                f"{each.weights[head]:.2f} [{each.intervals[head][0]:.2f} "
                f"{each.intervals[head][1]:.2f}]"
                for head in heads
            ],
        ]
        for each in entries
    ]
    last = entries[-1].weights
    shares = ", ".join(f"{head} {last[head]:.2f}" for head in heads)
    picture = markup.figure(
        functools.partial(estimates.draw_weights, entries=entries),
        size=estimates.SIZE,
        alt=f"Blend weights over {len(entries)} super-epochs with 95 % "
        f"intervals; the last are {shares}.",
    )
    table = markup.table(
        "Blend weights with their 95 % intervals", ["epochs", *heads], rows
    )
    scale = run.summary.get("loss_scale")
    return markup.section(
        "Blend weights",
        markup.gallery([picture]),
        table,
        _in_words(run),
        scale
        and markup.paragraph(
            f"The weights sum to 1; the loss is multiplied by {scale:g}.",
            class_="soft",
        ),
    )


def _in_words(run: folders.RunFolder) -> markup.Html:
    last = run.estimates[-1]
    blend = run.identity.get("recipe", {}).get("blend", {})
    floor = blend.get("weight_floor", wording.NOTHING)
    which = "The" if len(run.estimates) == 1 else "The last"
    return markup.join(
        [
            markup.paragraph(
                f"{which} estimate, at epoch {last.epoch}, in words:"
            ),
            markup.bullets(wording.in_words([last], floor=floor)),
        ]
    )


def _ratios(run: folders.RunFolder) -> markup.Section | None:
    if not run.estimates:
        return None
    epochs = [estimates.span(each) for each in run.estimates]
    heads = list(run.estimates[0].weights)
    ratios = {
        head: [each.ogr[head] for each in run.estimates] for head in heads
    }
    last = ", ".join(
        f"{head} {parts.number(values[-1])}" for head, values in ratios.items()
    )
    unit = "nats" if run.estimates[0].measure == "loss" else "accuracy"
    rows = [
        [
            estimates.span(each),
            head,
            f"{each.generalisation[head]:+.3f}",
            f"{each.overfitting[head]:+.3f} ± "
            f"{each.overfitting_error[head]:.3f}",
            parts.number(each.ogr[head]),
        ]
        for each in run.estimates
        for head in heads
    ]
    header = ("epochs", "head", f"G in {unit}", f"O in {unit}", "OGR")
    table = markup.table(
        "Generalisation G, overfitting O ± its standard error, and |O / G|",
        header,
        rows,
        names=2,
    )
    return markup.section(
        "Overfitting to generalisation (OGR)",
        markup.paragraph(
            "How much of what a head learnt in a super-epoch did not carry "
            "over to held-out examples: the lower, the better."
        ),
        markup.gallery(
            [
                markup.figure(
                    functools.partial(
                        estimates.draw_ratios, ratios=ratios, epochs=epochs
                    ),
                    size=estimates.SIZE,
                    alt=f"OGR of every head and estimate; the last: {last}.",
                )
            ]
        ),
        table if len(rows) <= 12 else markup.details("The numbers", table),
    )


def _gains(run: folders.RunFolder) -> markup.Section | None:
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


def _confusion(run: folders.RunFolder) -> markup.Section | None:
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


def _subsets(run: folders.RunFolder) -> markup.Section | None:
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


def _cost(run: folders.RunFolder) -> markup.Section | None:
    if not run.finished:
        return None
    found = run.summary
    return markup.section(
        "Cost",
        markup.facts(
            [
                ("Epochs", found.get("epochs_trained")),
                ("Reported epoch", found.get("reported_epoch")),
                (
                    "Examples trained",
                    parts.count(found.get("examples_trained")),
                ),
                (
                    "of these in estimates",
                    parts.count(found.get("examples_trained_in_estimates")),
                ),
                ("Time", parts.duration(found.get("seconds"))),
                (
                    "of this in estimates",
                    parts.duration(found.get("seconds_in_estimates")),
                ),
            ]
        ),
    )


def _what_was_run(run: folders.RunFolder) -> markup.Section | None:
    recipe = run.identity.get("recipe", {})
    return markup.section(
        "What was run",
        markup.facts(
            [
                ("Method", run.identity.get("blend")),
                ("Seed", run.identity.get("seed")),
                *parts.data_facts(recipe),
                ("Examples evaluated", run.summary.get("num_evaluated")),
                ("Classes", len(run.summary.get("class_names", ())) or None),
                *parts.environment_facts(run.identity),
                ("Folder", parts.code(run.folder)),
            ]
        ),
        parts.recipe_details(recipe),
    )
