"""Reliability diagrams: how often forecasts of each confidence come true."""

from collections.abc import Mapping
from typing import Any

from gblend_keras.reporting.figures import style

SIZE = (4.2, 3.6)
_LARGEST = 90.0  # area of the mark of the fullest bin, in square points


def draw_reliability(
    figure: Any,
    answers: Mapping[str, Mapping[str, Any]],
    *,
    indices: Mapping[str, int],
) -> None:
    """Draws accuracy over confidence; what can be believed is the diagonal.

    The area of a mark is the share of forecasts in its bin.

    Args:
        figure: A matplotlib `Figure`.
        answers: `{answer: {"num_forecasts": [...], "confidence": [...],
            "accuracy": [...]}}`, a value a bin, None in an empty one.
        indices: Number of each answer, for its look.
    """
    axis = figure.subplots()
    axis.plot([0, 100], [0, 100], color=style.INK, linewidth=0.8)
    for answer, bins in answers.items():
        look = style.look(indices[answer])
        rows = [
            (100 * confidence, 100 * accuracy, count)
            for confidence, accuracy, count in zip(
                bins["confidence"],
                bins["accuracy"],
                bins["num_forecasts"],
                strict=True,
            )
            if count
        ]
        x, y, counts = zip(*rows, strict=True)
        axis.plot(x, y, color=look.color, linestyle=look.line)
        axis.scatter(
            x,
            y,
            s=[_LARGEST * count / max(counts) for count in counts],
            color=look.color,
            marker=look.marker,
            label=answer,
        )
    axis.set(
        xlabel="confidence in %",
        ylabel="of these right, in %",
        xlim=(0, 102),
        ylim=(0, 102),
    )
    axis.grid(visible=True)
    marks, labels = axis.get_legend_handles_labels()
    style.legend_below(figure, marks, labels)
