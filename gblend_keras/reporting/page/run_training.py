"""What the page of a run says of its training."""

from gblend_keras import config
from gblend_keras.reporting import run_data
from gblend_keras.reporting import wording
from gblend_keras.reporting.figures import blend_weights
from gblend_keras.reporting.figures import curves
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import pictures
from gblend_keras.reporting.page import sections

MOST_ROWS = 12  # of a table that is open from the start


def curves_section(run: run_data.RunData) -> html.Section | None:
    """Returns the losses of every trained head, and all accuracies."""
    if not run.rows:
        return None
    held = run.summary.get("curves_on", "evaluated")
    losses = [
        curves.Losses(
            head,
            run.column(f"{head}_loss"),
            run.column(f"val_{head}_loss"),
            held,
        )
        for head in run.trained_heads
    ]
    found = {
        answer: [curve]
        for answer in run.answers
        if (curve := run.accuracy_curve(answer))
    }
    accuracy = found and pictures.accuracies(
        found,
        heads=run.heads,
        split=run.summary.get("evaluated_on", held),
        title="Accuracy",
    )
    return html.section(
        "Curves",
        html.paragraph(
            f"Loss of every trained head, training (dashed) and {held} "
            "(solid). A gap that opens between the two is overfitting."
        ),
        html.gallery(
            [*pictures.losses(losses, heads=run.heads), accuracy or None]
        ),
    )


def weights_section(run: run_data.RunData) -> html.Section | None:
    """Returns the weights of every super-epoch, and what they mean."""
    if not run.estimates:
        return None
    entries = [blend_weights.weights_of(each) for each in run.estimates]
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
    scale = run.summary.get("loss_scale")
    return html.section(
        "Blend weights",
        html.gallery([pictures.weights(entries), _in_words(run)]),
        _open_if_short(
            html.table(
                "Blend weights with their 95 % intervals",
                ["epochs", *heads],
                rows,
            ),
            len(rows),
        ),
        scale
        and html.paragraph(
            f"The weights sum to 1; the loss is multiplied by {scale:g}.",
            class_="soft",
        ),
    )


def ratios_section(run: run_data.RunData) -> html.Section | None:
    """Returns the OGR of every head and estimate."""
    if not run.estimates:
        return None
    heads = list(run.estimates[0].weights)
    ratios = {
        head: [each.ogr[head] for each in run.estimates] for head in heads
    }
    rows = [
        [
            blend_weights.span(each),
            head,
            f"{each.generalization[head]:+.3f}",
            f"{each.overfitting[head]:+.3f} ± "
            f"{each.overfitting_error[head]:.3f}",
            sections.number(each.ogr[head]),
        ]
        for each in run.estimates
        for head in heads
    ]
    unit = "nats" if run.estimates[0].measure == "loss" else "accuracy"
    table = html.table(
        "Generalisation G, overfitting O ± its standard error, and |O / G|",
        ("epochs", "head", f"G in {unit}", f"O in {unit}", "OGR"),
        rows,
        names=2,
    )
    epochs = [blend_weights.span(each) for each in run.estimates]
    return html.section(
        "Overfitting to generalisation (OGR)",
        html.paragraph(
            "How much of what a head learnt in a super-epoch did not carry "
            "over to held-out examples: the lower, the better."
        ),
        html.gallery(
            [
                pictures.ratios(ratios, epochs),
                _open_if_short(table, len(rows)),
            ]
        ),
    )


def _in_words(run: run_data.RunData) -> html.Html:
    last = run.estimates[-1]
    stored = run.identity.get("recipe", {}).get("blend", {})
    blend = {**config.BLEND_BEFORE, **stored}
    settings = config.BlendSettings(
        weight_floor=blend.get("weight_floor", wording.NOTHING),
        joint_floor=blend["joint_floor"],
    )
    floors = settings.floors(last.weights)
    which = "The" if len(run.estimates) == 1 else "The last"
    return html.element(
        "div",
        html.paragraph(f"{which} estimate, at epoch {last.epoch}, in words:"),
        html.bullets(wording.in_words([last], floors=floors)),
    )


def _open_if_short(table: html.Html, num_rows: int) -> html.Html:
    if num_rows <= MOST_ROWS:
        return table
    return html.details("The numbers", table)
