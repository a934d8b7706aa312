"""Curves over epochs: losses of every head, accuracies of every answer."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from gblend_keras.reporting.figures import style
from gblend_keras.runs import directory
from gblend_keras.utils import files

SIZE = (3.5, 2.7)  # inches; legible on a phone without zooming


class Losses(NamedTuple):
    """The loss of one head over epochs, in nats an example.

    Attributes:
        head: Its name.
        train: On training data, one value an epoch.
        held: On data that it is not trained on.
        evaluated: What these data are, for the legend.
    """

    head: str
    train: Sequence[float]
    held: Sequence[float]
    evaluated: str


def plot_curves(
    run_dir: Path, *, heads: Sequence[str], evaluated: str, title: str
) -> None:
    """Draws `curves.png`: train and evaluation loss of every head.

    A gap that opens between the two lines of a head is its overfitting.

    Args:
        run_dir: Holds `metrics.csv`.
        heads: The heads that were trained.
        evaluated: What the `val_` columns were measured on, for the legend.
        title: Names the run.

    Raises:
        ImportError: If matplotlib is missing.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> folder = Path("run")  # a finished run
        >>> heads = ("image", "sound", "joint")
        >>> gb.reporting.plot_curves(
        ...     folder, heads=heads, evaluated="test", title="digits"
        ... )
        >>> (folder / "curves.png").exists()
        True
    """
    rows = files.read_csv(run_dir / directory.METRICS)
    curves = [
        Losses(
            head,
            [float(row[f"{head}_loss"]) for row in rows],
            [float(row[f"val_{head}_loss"]) for row in rows],
            evaluated,
        )
        for head in heads
    ]

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
        for index, (axis, curve) in enumerate(zip(axes, curves, strict=True)):
            _losses_on(axis, curve, index)
        axes[0].set_ylabel("cross-entropy in nats")
        figure.suptitle(title)

    style.save_png(
        draw,
        run_dir / "curves.png",
        size=(3.4 * len(heads), 3.6),
    )


def draw_losses(
    figure: Any, curve: Losses, *, index: int, top: float | None
) -> None:
    """Draws the losses of one head.

    Args:
        figure: A matplotlib `Figure`.
        curve: The losses.
        index: Number of the head, for its look.
        top: Upper end of the axis, to compare heads; None for its own.
    """
    axis = figure.subplots()
    _losses_on(axis, curve, index)
    axis.set_ylabel("cross-entropy in nats")
    axis.set_ylim(bottom=0, top=top)


def highest(curves: Sequence[Losses]) -> float | None:
    """Returns the upper end of an axis that fits every curve."""
    values = [
        value
        for curve in curves
        for value in (*curve.train, *curve.held)
        if math.isfinite(value)
    ]
    return 1.05 * max(values) if values else None


def draw_accuracies(
    figure: Any,
    curves: Mapping[str, Sequence[Sequence[float]]],
    *,
    indices: Mapping[str, int],
    split: str,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draws accuracies over epochs: the mean of runs, and their range.

    Args:
        figure: A matplotlib `Figure`.
        curves: `{answer: [one run's accuracies, ...]}`.
        indices: Number of each answer, for its look.
        split: What the accuracies were measured on.
        limits: Ends of the axis, in per cent; None for its own.
    """
    axis = figure.subplots()
    for answer, runs in curves.items():
        epochs = range(1, max(map(len, runs)) + 1)
        columns = [
            [100 * run[epoch - 1] for run in runs if len(run) >= epoch]
            for epoch in epochs
        ]
        look = style.look(indices[answer])
        means = [sum(column) / len(column) for column in columns]
        axis.plot(
            epochs,
            means,
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markevery=(0.05, 0.2),
            markersize=4,
            label=answer,
        )
        if len(runs) > 1:
            axis.fill_between(
                epochs,
                [min(column) for column in columns],
                [max(column) for column in columns],
                color=look.color,
                alpha=0.15,
                linewidth=0,
            )
    axis.set(xlabel="epoch", ylabel=f"accuracy on {split} in %")
    if limits is not None:
        axis.set_ylim(limits)
    _finish(axis)
    style.legend_below(figure, *axis.get_legend_handles_labels())


def _losses_on(axis: Any, curve: Losses, index: int) -> None:
    color = style.look(index).color
    epochs = range(1, len(curve.train) + 1)
    axis.plot(epochs, curve.train, color=color, linestyle="--", label="train")
    axis.plot(epochs, curve.held, color=color, label=curve.evaluated)
    axis.fill_between(epochs, curve.train, curve.held, color=color, alpha=0.15)
    axis.set(title=curve.head, xlabel="epoch")
    _finish(axis)
    axis.legend()


def _finish(axis: Any) -> None:
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(visible=True)
