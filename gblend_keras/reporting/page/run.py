"""The page of one run."""

import math
from collections.abc import Sequence

from gblend_keras import heads as answer_heads
from gblend_keras.reporting import run_data
from gblend_keras.reporting import wording
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import layout
from gblend_keras.reporting.page import run_answers
from gblend_keras.reporting.page import run_classes
from gblend_keras.reporting.page import run_training
from gblend_keras.reporting.page import sections

_COLUMNS = {
    "accuracy": "accuracy %",
    "top1": "top-1 %",
    "top5": "top-5 %",
    "mAP": "mAP %",
    "mAUC": "mAUC %",
    "d_prime": "d′",
    "nll": "NLL, nats",
    "ece": "ECE %",
}
_NUMBERS = ("d_prime", "nll")  # no per cent


def write(run: run_data.RunData, *, version: str) -> str:
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
    return layout.page(
        title,
        _head(run),
        [
            _accuracy(run),
            run_training.curves_section(run),
            run_training.weights_section(run),
            run_training.ratios_section(run),
            run_answers.reliability_section(run),
            run_classes.gains_section(run),
            run_classes.confusion_section(run),
            run_classes.subsets_section(run),
            _cost(run),
            _what_was_run(run),
        ],
        version=version,
    )


def _head(run: run_data.RunData) -> list[html.Html]:
    if run.failure:
        return [
            html.paragraph(
                html.element("strong", "FAILED. ", class_="bad"),
                f"{run.failure.get('error')}: {run.failure.get('reason')}",
                class_="notice bad",
            )
        ]
    if not run.finished:
        return [
            html.paragraph(
                f"This run has not finished; {len(run.rows)} epochs are done. "
                "The same command goes on from there.",
                class_="notice",
            )
        ]
    accuracy, split = run.summary["accuracy"], run.summary["evaluated_on"]
    # One row of the page: the main answer, and what several heads make.
    combined = (answer_heads.JOINT, *answer_heads.COMBINED)
    shown = {
        answer: answer
        for answer in [
            run.answers[0],
            *[name for name in run.answers[1:] if name in combined],
        ][:3]
    }
    heads = [head for head in run.heads if head != answer_heads.JOINT]
    modalities = [head for head in run.answers if head in heads]
    best = max(modalities, key=lambda head: accuracy[head], default=None)
    if best is not None and best not in shown:
        shown[best] = f"best modality: {best}"
    boxes = [
        (f"{label}, {split}", f"{sections.percent(accuracy[answer])} %")
        for answer, label in shown.items()
    ]
    cost = sections.duration(run.summary.get("seconds"))
    if cost:
        boxes.append(("training", cost))
    collapsed = [
        html.paragraph(each["summary"], class_="notice bad")
        for each in run.summary.get("collapsed", ())
    ]
    return [*collapsed, sections.key_figures(boxes)]


def _accuracy(run: run_data.RunData) -> html.Section | None:
    if not run.finished:
        return None
    split, size = run.summary["evaluated_on"], run.summary["num_evaluated"]
    found = run.summary["accuracy"]
    answers = [name for name in run.answers if name in found]
    share = found[answers[0]]
    error = 100 * math.sqrt(share * (1 - share) / size)
    left_out = [head for head in run.heads if head not in run.answers]
    return html.section(
        "Accuracy",
        _metrics_table(run, answers, f"On {split}, {size} examples"),
        html.paragraph(
            f"{size} examples leave a standard error of about {error:.1f} "
            "points."
        ),
        *[html.paragraph(each) for each in _pool(run)],
        left_out
        and html.paragraph(
            f"Not shown: {', '.join(left_out)}. The method did not train "
            f"{'it' if len(left_out) == 1 else 'them'} to the end.",
            class_="soft",
        ),
        _evaluation_hint(run),
    )


def _pool(run: run_data.RunData) -> list[str]:
    """Says what the exponents of the pool are, where it is an answer."""
    if answer_heads.POOL not in run.answers:
        return []
    return [wording.pool_in_words(run.summary.get("pool", {}))]


def _metrics_table(
    run: run_data.RunData, answers: Sequence[str], caption: str
) -> html.Html:
    heads = run.evaluation.get("heads", {})
    if not all(answer in heads for answer in answers):
        heads = {
            answer: {"accuracy": run.summary["accuracy"][answer]}
            for answer in answers
        }
    columns = [
        name for name in _COLUMNS if heads[answers[0]].get(name) is not None
    ]
    rows = []
    for answer in answers:
        cells = [
            sections.number(heads[answer][name])
            if name in _NUMBERS
            else sections.percent(heads[answer][name])
            for name in columns
        ]
        meaning = answer_heads.meaning(answer) or f"the head of {answer} alone"
        about = html.element("span", meaning, class_="soft")
        rows.append([answer, *cells, about])
    header = ["answer", *[_COLUMNS[name] for name in columns], "what it is"]
    return html.table(caption, header, rows)


def _evaluation_hint(run: run_data.RunData) -> html.Html | None:
    if run.evaluation.get("modalities"):
        return None
    adds = "every subset of modalities"
    if not run.evaluation:
        adds = (
            f"more metrics, gains of classes, the confusion matrix and {adds}"
        )
    return html.paragraph(
        html.element("code", f"gblend evaluate --model={run.folder}"),
        f" adds {adds} (with ",
        html.element("code", 'pip install "gblend_keras[eval]"'),
        ").",
        class_="soft",
    )


def _cost(run: run_data.RunData) -> html.Section | None:
    if not run.finished:
        return None
    found = run.summary
    return html.section(
        "Cost",
        html.facts(
            [
                ("Epochs", found.get("epochs_trained")),
                ("Reported epoch", found.get("reported_epoch")),
                (
                    "Examples trained",
                    sections.count(found.get("examples_trained")),
                ),
                (
                    "of these in estimates",
                    sections.count(found.get("examples_trained_in_estimates")),
                ),
                ("Time", sections.duration(found.get("seconds"))),
                (
                    "of this in estimates",
                    sections.duration(found.get("seconds_in_estimates")),
                ),
            ]
        ),
    )


def _what_was_run(run: run_data.RunData) -> html.Section | None:
    recipe = run.identity.get("recipe", {})
    return html.section(
        "What was run",
        html.facts(
            [
                ("Method", run.identity.get("blend")),
                ("Seed", run.identity.get("seed")),
                *sections.data_facts(recipe),
                ("Examples evaluated", run.summary.get("num_evaluated")),
                ("Classes", len(run.summary.get("class_names", ())) or None),
                *sections.environment_facts(run.identity),
                ("Folder", sections.code(run.folder)),
            ]
        ),
        sections.recipe_details(recipe),
    )
