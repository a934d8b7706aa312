"""Pictures of a comparison: accuracies, differences, costs."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from gblend_keras.reporting.figures import style
from gblend_keras.runs import directory

Row = Mapping[str, Any]


def name_of(row: Row) -> str:
    """Returns a row's name in a picture: method and answer."""
    if row["answer"] in ("", row["method"]):
        return str(row["method"])
    return f"{row['method']} ({row['answer']})"


def size(num_rows: int) -> tuple[float, float]:
    """Returns the size of a picture with this many rows, in inches."""
    return (4.4, 1.0 + 0.25 * num_rows)


def draw_accuracies(figure: Any, rows: Sequence[Row], *, split: str) -> None:
    """Draws mean and 95 % interval of every row, and a dot for each seed.

    Args:
        figure: A matplotlib `Figure`.
        rows: Rows of a comparison with at least one finished run.
        split: What was reported.
    """
    axis = figure.subplots()
    for place, row in enumerate(rows):
        seeds = [100 * value for value in row["accuracies"].values()]
        axis.plot(
            seeds,
            [place] * len(seeds),
            linestyle="",
            marker="|",
            markersize=9,
            color=style.COLORS[5],
        )
        _mean_and_interval(axis, place, row["mean"], row["interval"])
    baseline = directory.BASELINE
    means = [row["mean"] for row in rows if row["method"] == baseline]
    if means:
        axis.axvline(100 * means[0], color="grey", linestyle=":", linewidth=1)
    _name_rows(axis, rows)
    left, right = axis.get_xlim()  # intervals of few seeds go beyond these
    axis.set_xlim(max(left, -1.0), min(right, 101.0))
    axis.set_xlabel(f"accuracy on {split} in %")


def draw_differences(figure: Any, rows: Sequence[Row]) -> None:
    """Draws the paired difference to joint training of every row.

    Args:
        figure: A matplotlib `Figure`.
        rows: Rows of a comparison with a difference.
    """
    axis = figure.subplots()
    for place, row in enumerate(rows):
        found = row["difference"]
        _mean_and_interval(axis, place, found["mean"], found["interval"])
    axis.axvline(0, color="grey", linestyle=":", linewidth=1)
    _name_rows(axis, rows)
    axis.set_xlabel("difference to joint in points")


def draw_costs(
    figure: Any, rows: Sequence[Row], *, field: str, label: str
) -> None:
    """Draws accuracy against cost, a numbered point a row.

    Args:
        figure: A matplotlib `Figure`.
        rows: Rows of a comparison with at least one finished run.
        field: Which cost.
        label: Names the cost and its unit.
    """
    axis = figure.subplots()
    for index, row in enumerate(rows):
        look = style.look(index)
        axis.plot(
            row[field],
            100 * row["mean"],
            linestyle="",
            color=look.color,
            marker=look.marker,
            markeredgecolor=style.INK,
            markeredgewidth=0.6,
            label=f"{index + 1} {name_of(row)}",
        )
        axis.annotate(
            str(index + 1),
            (row[field], 100 * row["mean"]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize="small",
        )
    axis.set(xlabel=label, ylabel="accuracy in %")
    axis.set_xlim(left=0)
    axis.locator_params(axis="x", nbins=4)  # six digits a label
    axis.margins(x=0.1, y=0.1)
    axis.grid(visible=True)
    figure.legend(
        *axis.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
    )


def _mean_and_interval(
    axis: Any, place: int, mean: float, interval: Sequence[float] | None
) -> None:
    low, high = interval or (mean, mean)
    axis.errorbar(
        100 * mean,
        place,
        xerr=[[100 * max(mean - low, 0)], [100 * max(high - mean, 0)]],
        color=style.COLORS[0],
        marker="o",
        markersize=5,
        capsize=3,
    )


def _name_rows(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_yticks(range(len(rows)), [name_of(row) for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.grid(visible=True, axis="x")
