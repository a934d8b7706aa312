"""The page of one run."""

import math
from collections.abc import Sequence

from gblend_keras.reporting import folders
from gblend_keras.reporting import markup
from gblend_keras.reporting import naming
from gblend_keras.reporting import page
from gblend_keras.reporting import parts
from gblend_keras.reporting import run_classes
from gblend_keras.reporting import run_training

_COLUMNS = {
    "accuracy": "accuracy %",
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
            run_training.curves_section(run),
            run_training.weights_section(run),
            run_training.ratios_section(run),
            run_classes.gains_section(run),
            run_classes.confusion_section(run),
            run_classes.subsets_section(run),
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
    shown = {answer: answer for answer in run.answers[:2]}
    modalities = [head for head in run.answers if head in run.heads[:-1]]
    best = max(modalities, key=lambda head: accuracy[head], default=None)
    if best is not None and best not in shown:
        shown[best] = f"best modality: {best}"
    boxes = [
        (f"{label}, {split}", f"{parts.percent(accuracy[answer])} %")
        for answer, label in shown.items()
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
    if not all(answer in heads for answer in answers):
        heads = {
            answer: {"accuracy": run.summary["accuracy"][answer]}
            for answer in answers
        }
    columns = [
        name for name in _COLUMNS if heads[answers[0]].get(name) is not None
    ]
    rows = [
        [
            answer,
            *[_metric(name, heads[answer][name]) for name in columns],
            markup.element("span", _meaning(answer), class_="soft"),
        ]
        for answer in answers
    ]
    header = ["answer", *[_COLUMNS[name] for name in columns], "what it is"]
    return markup.table(caption, header, rows)


def _metric(name: str, value: float | None) -> str:
    return parts.number(value) if name == "d_prime" else parts.percent(value)


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
