"""Pictures with their descriptions, for pages of runs and of comparisons."""

import functools
from collections.abc import Mapping
from collections.abc import Sequence

from gblend_keras import heads as answer_heads
from gblend_keras.reporting.figures import blend_weights
from gblend_keras.reporting.figures import curves
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import sections


def accuracies(
    found: Mapping[str, Sequence[Sequence[float]]],
    *,
    heads: Sequence[str],
    split: str,
    title: str,
    limits: tuple[float, float] | None = None,
) -> html.Html | None:
    """Returns the picture of accuracies over epochs.

    Args:
        found: `{answer: [one run's accuracies, ...]}`.
        heads: Every head of the network, in its order.
        split: What the accuracies were measured on.
        title: Above the picture.
        limits: Ends of the axis in per cent, to compare pictures.
    """
    order = [*heads, *answer_heads.COMBINED]
    ends = [
        f"{answer} {100 * sum(run[-1] for run in runs) / len(runs):.1f} %"
        for answer, runs in found.items()
    ]
    return html.figure(
        functools.partial(
            curves.draw_accuracies,
            curves=found,
            indices={name: place for place, name in enumerate(order)},
            split=split,
            limits=limits,
        ),
        size=(curves.SIZE[0], curves.SIZE[1] + 0.4),
        alt=f"accuracy on {split} over epochs; at the end {', '.join(ends)}.",
        title=title,
    )


def losses(
    found: Sequence[curves.Losses], *, heads: Sequence[str]
) -> list[html.Html | None]:
    """Returns a picture of the losses of each head, with the same axis.

    Args:
        found: One a head.
        heads: Every head of the network, in its order.
    """
    top = curves.highest(found)
    return [
        html.figure(
            functools.partial(
                curves.draw_losses,
                curve=curve,
                index=heads.index(curve.head),
                top=top,
            ),
            size=curves.SIZE,
            alt=f"Loss of {curve.head} over {len(curve.train)} epochs: train "
            f"from {curve.train[0]:.3f} to {curve.train[-1]:.3f} nats, "
            f"{curve.evaluated} from {curve.held[0]:.3f} to "
            f"{curve.held[-1]:.3f} nats.",
        )
        for curve in found
    ]


def weights(
    entries: Sequence[blend_weights.Weights], *, title: str | None = None
) -> html.Html | None:
    """Returns the picture of blend weights over super-epochs.

    Args:
        entries: One a super-epoch.
        title: Above the picture; None for none.
    """
    last = ", ".join(
        f"{head} {weight:.2f}" for head, weight in entries[-1].weights.items()
    )
    return html.figure(
        functools.partial(blend_weights.draw_weights, entries=entries),
        size=blend_weights.SIZE,
        alt=f"Blend weights of {len(entries)} estimates with their 95 % "
        f"intervals; the last are {last}.",
        title=title,
    )


def ratios(
    found: Mapping[str, Sequence[float | None]],
    epochs: Sequence[str],
    *,
    title: str | None = None,
) -> html.Html | None:
    """Returns the picture of OGR bars.

    Args:
        found: `{head: one OGR an estimate, or None}`.
        epochs: The epochs that each estimate looked at, as "0-10".
        title: Above the picture; None for none.
    """
    last = ", ".join(
        f"{head} {sections.number(values[-1])}"
        for head, values in found.items()
    )
    return html.figure(
        functools.partial(
            blend_weights.draw_ratios, ratios=found, epochs=epochs
        ),
        size=blend_weights.SIZE,
        alt=f"OGR of every head and estimate; the last: {last}.",
        title=title,
    )
