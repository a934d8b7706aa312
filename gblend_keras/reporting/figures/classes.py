"""Pictures of an evaluation: gains of classes, confusion, subsets."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from gblend_keras.reporting.figures import style

MOST_NAMED = 30  # classes whose names still fit beside a matrix
MOST_NUMBERED = 12  # classes whose counts still fit inside
LONGEST = 24  # characters of a name in a picture
LONGEST_SUBSET = 36
NUM_PAIRS = 10
GAIN, LOSS = style.COLORS[0], style.COLORS[5]


class Pair(NamedTuple):
    """Two classes that are mixed up.

    Attributes:
        truth: Number of the true class.
        answer: Number of the class that was answered.
        examples: How many.
        share: Of the examples of the true class.
    """

    truth: int
    answer: int
    examples: int
    share: float


def shortened(name: str, longest: int = LONGEST) -> str:
    """Returns a name that fits into a picture."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def gains_size(num_bars: int) -> tuple[float, float]:
    """Returns the size of a picture with this many bars, in inches."""
    return (4.2, 0.8 + 0.2 * num_bars)


def draw_gains(figure: Any, gains: Sequence[tuple[str, float]]) -> None:
    """Draws bars of gained and lost accuracy, the largest gain on top.

    Args:
        figure: A matplotlib `Figure`.
        gains: `(class, gain)`, from the largest gain to the largest loss.
    """
    axis = figure.subplots()
    values = [100 * gain for _, gain in gains]
    axis.barh(
        range(len(gains)),
        values,
        color=[GAIN if value > 0 else LOSS for value in values],
        hatch=["" if value > 0 else "////" for value in values],
        edgecolor=style.INK,
        linewidth=0.6,
    )
    names = [shortened(name) for name, _ in gains]
    axis.set_yticks(range(len(gains)), names)
    axis.invert_yaxis()
    axis.axvline(0, color=style.INK, linewidth=0.8)
    axis.grid(visible=True, axis="x")
    axis.set_xlabel("gain in points (hatched: loss)")


def confusion_size(num_classes: int) -> tuple[float, float]:
    """Returns the size of the picture of a matrix, in inches."""
    side = 3.2 if num_classes > MOST_NAMED else 2.0 + 0.16 * num_classes
    return (max(side, 3.2) + 0.8, max(side, 3.2))


def draw_confusion(
    figure: Any, counts: Any, class_names: Sequence[str]
) -> None:
    """Draws how the examples of each class were answered.

    Args:
        figure: A matplotlib `Figure`.
        counts: Shape `(classes, classes)`; a row is a true class.
        class_names: One name a class.
    """
    shares = _shares(counts)
    axis = figure.subplots()
    blue = tuple(int(GAIN[place : place + 2], 16) / 255 for place in (1, 3, 5))
    pixels = np.empty((*shares.shape, 4))
    pixels[..., :3] = blue
    pixels[..., 3] = 0.92 * shares
    axis.imshow(pixels, interpolation="none")
    for side in axis.spines.values():
        side.set_visible(True)
    axis.set(xlabel="answer", ylabel="true class")
    places = range(len(class_names))
    if len(class_names) <= MOST_NAMED:
        names = [shortened(name) for name in class_names]
        axis.set_yticks(places, names)
        short = max(map(len, names)) <= 2
        axis.set_xticks(places, names, rotation=0 if short else 90)
    if len(class_names) <= MOST_NUMBERED:
        for truth, answer in np.argwhere(np.asarray(counts) > 0):
            text = str(counts[truth][answer])
            axis.text(answer, truth, text, ha="center", va="center", fontsize=8)


def confused_pairs(counts: Any) -> list[Pair]:
    """Returns the pairs of classes that are mixed up most often.

    Args:
        counts: Shape `(classes, classes)`; a row is a true class.
    """
    wrong = np.array(counts)
    np.fill_diagonal(wrong, 0)
    shares = _shares(counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:NUM_PAIRS]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    return [
        Pair(int(a), int(b), int(wrong[a, b]), float(shares[a, b]))
        for a, b in pairs
        if wrong[a, b] > 0
    ]


def subsets_size(num_subsets: int) -> tuple[float, float]:
    """Returns the size of the picture of the subsets, in inches."""
    return (4.2, 0.8 + 0.24 * (num_subsets + 1))


def draw_subsets(
    figure: Any, scores: Mapping[str, float], *, metric: str
) -> None:
    """Draws a bar for each subset of modalities, the guess at the bottom.

    Args:
        figure: A matplotlib `Figure`.
        scores: `{subset: score}`.
        metric: What was measured.
    """
    axis = figure.subplots()
    names = list(scores)
    axis.barh(
        range(len(names)),
        [100 * scores[name] for name in names],
        color=GAIN,
        edgecolor=style.INK,
        linewidth=0.6,
    )
    axis.set_yticks(
        range(len(names)), [shortened(name, LONGEST_SUBSET) for name in names]
    )
    axis.set(xlabel=f"{metric} in %", xlim=(0, 100))
    axis.grid(visible=True, axis="x")


def _shares(counts: Any) -> Any:
    values = np.asarray(counts, np.float64)
    totals = values.sum(axis=1, keepdims=True)
    return values / np.maximum(totals, 1)
