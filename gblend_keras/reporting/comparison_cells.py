"""The cells of a comparison's table, as text."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def lines(comparison: Mapping[str, Any]) -> list[list[str]]:
    """Returns the table as text: a header, then a line a row.

    A column that says nothing in any row is left out.
    """
    columns: list[tuple[str, Callable[[Mapping[str, Any]], str]]] = [
        ("method", lambda row: row["method"]),
        ("answer", lambda row: row["answer"] or "-"),
        ("accuracy %", _accuracy),
        ("95 %", lambda row: _interval(row["interval"])),
        ("to joint", _difference),
        ("p", lambda row: _p_value(row, "p_value")),
        ("p, Holm", lambda row: _p_value(row, "p_holm")),
        ("selected %", _selected),
        ("seconds", lambda row: _cost(row, "seconds")),
        ("examples", lambda row: _cost(row, "examples_trained")),
    ]
    filled = [
        (title, [value(row) for row in comparison["rows"]])
        for title, value in columns
    ]
    kept = [
        [title, *cells]
        for title, cells in filled
        if any(cell not in ("", "-") for cell in cells)
    ]
    return [list(line) for line in zip(*kept, strict=True)]


def _accuracy(row: Mapping[str, Any]) -> str:
    if not row["num_runs"]:
        return "failed"
    total = row["num_runs"] + len(row["failed_seeds"])
    text = _mean_and_deviation(row)
    return (
        text
        if total == row["num_runs"]
        else f"{text} ({row['num_runs']}/{total})"
    )


def _mean_and_deviation(values: Mapping[str, Any]) -> str:
    text = f"{100 * values['mean']:.1f}"
    if values["deviation"] is None:
        return text
    return f"{text} ± {100 * values['deviation']:.1f}"


def _interval(interval: Sequence[float] | None, sign: str = "") -> str:
    if interval is None:
        return "-"
    low, high = (f"{100 * value:{sign}.1f}" for value in interval)
    return f"[{low} {high}]"


def _difference(row: Mapping[str, Any]) -> str:
    difference = row["difference"]
    if difference is None:
        return "-"
    text = f"{100 * difference['mean']:+.1f}"
    if difference["interval"] is None:
        return text
    return f"{text} {_interval(difference['interval'], '+')}"


def _p_value(row: Mapping[str, Any], name: str) -> str:
    value = (row["difference"] or {}).get(name)
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _selected(row: Mapping[str, Any]) -> str:
    selected = row["selected"]
    if selected is None:
        return "-"
    return f"{_mean_and_deviation(selected)} (epoch {selected['epoch'] + 1})"


def _cost(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "-"
    relative = row[f"relative_{name}"]
    times = "" if relative is None else f" ({relative:.2f}x)"
    return f"{row[name]:.0f}{times}"
