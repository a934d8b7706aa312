"""Pictures of estimates: blend weights and OGR over super-epochs."""

import functools
import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.reporting.figures import style

SIZE = (4.2, 3.0)
UNIFORM = "uniform"  # the line of equal weights


class Weights(NamedTuple):
    """The weights of one super-epoch.

    Attributes:
        epochs: The epochs that the estimate looked at, as "0-10".
        weights: `{head: weight}`.
        intervals: `{head: (low, high)}`, 95 %.
    """

    epochs: str
    weights: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]


def span(estimate: BlendEstimate) -> str:
    """Returns the epochs that an estimate looked at, as "0-10"."""
    return f"{estimate.epoch}-{estimate.epoch + estimate.num_epochs}"


def weights_of(estimate: BlendEstimate) -> Weights:
    """Returns what is drawn of an estimate."""
    return Weights(span(estimate), estimate.weights, estimate.intervals)


def plot_weights(
    run_dir: Path, history: Sequence[Mapping[str, Any]], *, title: str
) -> None:
    """Draws `weights.png`: each head's weight, with its 95 % interval.

    Args:
        run_dir: Where the figure goes.
        history: The estimates of `blend_history.json`.
        title: Names the run.

    Raises:
        ImportError: If matplotlib is missing.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> folder = Path("run")  # a finished run
        >>> history = gb.read_history(folder / "blend_history.json")
        >>> gb.reporting.plot_weights(folder, history, title="digits")
        >>> (folder / "weights.png").exists()
        True
    """
    entries = [
        Weights(
            f"{each['epoch']}-{each['epoch'] + each['num_epochs']}",
            each["weights"],
            each["intervals"],
        )
        for each in history
    ]
    style.save_png(
        functools.partial(draw_weights, entries=entries, title=title),
        run_dir / "weights.png",
        size=(6.4, 3.8),
    )


def draw_weights(
    figure: Any, entries: Sequence[Weights], *, title: str | None = None
) -> None:
    """Draws each head's weight over super-epochs, with its interval.

    Args:
        figure: A matplotlib `Figure`.
        entries: One a super-epoch.
        title: Above the picture; None for none.
    """
    heads = list(entries[0].weights)
    axis = figure.subplots()
    for index, head in enumerate(heads):
        look = style.look(index)
        pairs = [(each.weights[head], each.intervals[head]) for each in entries]
        shift = 0.1 * (index - (len(heads) - 1) / 2)
        axis.errorbar(
            [place + shift for place in range(len(entries))],
            [weight for weight, _ in pairs],
            yerr=[
                [max(weight - low, 0.0) for weight, (low, _) in pairs],
                [max(high - weight, 0.0) for weight, (_, high) in pairs],
            ],
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markersize=5,
            capsize=3,
            label=head,
        )
    axis.axhline(
        1 / len(heads),
        color="grey",
        linewidth=1,
        linestyle=":",
        label=UNIFORM,
    )
    axis.set(ylabel="blend weight (sum 1)", ylim=(-0.02, 1.02))
    _name_epochs(figure, axis, [each.epochs for each in entries])
    if title:
        figure.suptitle(title)


def draw_ratios(
    figure: Any, ratios: Mapping[str, Sequence[float | None]], *, epochs: Any
) -> None:
    """Draws OGR bars: for each estimate one bar a head.

    A logarithmic axis where they differ much. A head that did not generalise
    has no OGR: an infinity sign stands in its place.

    Args:
        figure: A matplotlib `Figure`.
        ratios: `{head: one OGR an estimate, or None}`.
        epochs: The epochs that each estimate looked at, as "0-10".
    """
    axis = figure.subplots()
    known = [
        ratio for each in ratios.values() for ratio in each if ratio is not None
    ]
    known = [ratio for ratio in known if ratio > 0]
    wide = bool(known) and max(known) > 20 * min(known)
    low = 0.5 * min(known) if wide else 0.0
    width = 0.8 / len(ratios)
    for index, (head, values) in enumerate(ratios.items()):
        look = style.look(index)
        shift = width * (index - (len(ratios) - 1) / 2)
        places = [place + shift for place in range(len(values))]
        axis.bar(
            places,
            [0.0 if value is None else value for value in values],
            width,
            color=look.color,
            edgecolor=style.INK,
            linewidth=0.6,
            hatch=look.hatch,
            label=head,
        )
        for place, value in zip(places, values, strict=True):
            if value is None:
                axis.annotate(
                    "∞",
                    (place, 0.02),
                    xycoords=("data", "axes fraction"),
                    ha="center",
                )
    if wide:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        axis.set_ylim(bottom=low)
    axis.set_ylabel("OGR = |O / G|" + (", logarithmic" if wide else ""))
    _name_epochs(figure, axis, epochs)


def _name_epochs(figure: Any, axis: Any, epochs: Sequence[str]) -> None:
    """Labels the estimates, as many as there is room for."""
    step = math.ceil(len(epochs) / 8)
    places = range(0, len(epochs), step)
    axis.set_xticks(list(places), [epochs[place] for place in places])
    axis.set_xlabel("epochs that the estimate looked at")
    axis.set_xlim(-0.6, len(epochs) - 0.4)
    axis.grid(visible=True, axis="y")
    found = list(zip(*axis.get_legend_handles_labels(), strict=True))
    # Matplotlib puts lines before bars; heads come first here.
    found.sort(key=lambda pair: pair[1] == UNIFORM)
    style.legend_below(figure, *zip(*found, strict=True))
