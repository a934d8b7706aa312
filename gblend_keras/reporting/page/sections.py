"""Sections that pages of runs and of comparisons share."""

import functools
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from gblend_keras.reporting.figures import classes
from gblend_keras.reporting.page import html


def percent(value: float | None, *, sign: str = "") -> str:
    """Returns a share in per cent, with one decimal."""
    return "–" if value is None else format(100 * value, f"{sign}.1f")


def number(value: float | None, spec: str = ".2f") -> str:
    """Returns a number as text; a dash for None."""
    return "–" if value is None else format(value, spec)


def duration(seconds: float | None) -> str | None:
    """Returns a time in the unit that suits it."""
    if seconds is None:
        return None
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def count(value: int | None) -> str | None:
    """Returns a whole number with its thousands apart."""
    return None if value is None else f"{value:,.0f}"


def code(text: Any) -> html.Html | None:
    """Returns text as code, or None without text."""
    return html.element("code", text) if text else None


def key_figures(pairs: Sequence[tuple[str, str]]) -> html.Html:
    """Returns the few numbers that a reader wants first."""
    boxes = [
        html.element("div", name, html.element("b", value))
        for name, value in pairs
    ]
    return html.element("div", *boxes, class_="key")


def data_facts(recipe: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Returns what a recipe says of its data."""
    data = recipe.get("data", {})
    return [
        ("Recipe", recipe.get("name")),
        ("Data set", data.get("dataset")),
        ("File or folder", code(data.get("path"))),
        ("Modalities", ", ".join(data.get("modalities") or ()) or None),
        ("Evaluated on", data.get("evaluate_on")),
    ]


def environment_facts(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Returns command and versions of `recipe.json` or `comparison.json`."""
    versions = values.get("versions", {})
    return [
        ("Command", code(values.get("command"))),
        (
            "Versions",
            ", ".join(f"{name} {each}" for name, each in versions.items()),
        ),
        ("Processor cores", values.get("num_cores")),
    ]


def recipe_details(recipe: Mapping[str, Any]) -> html.Html | None:
    """Returns every setting of a recipe, closed."""
    if not recipe:
        return None
    text = json.dumps(recipe, indent=2, ensure_ascii=False)
    return html.details(
        "Every setting of the recipe", html.element("pre", text)
    )


def gains(
    improved: Sequence[Sequence[Any]],
    dropped: Sequence[Sequence[Any]],
    *,
    answer: str,
    base: str,
) -> html.Html | None:
    """Returns the picture of the classes that gain and lose most.

    Args:
        improved: `[class, gain]`, the largest gain first.
        dropped: `[class, gain]`, the largest loss first.
        answer: What gains.
        base: Over what.
    """
    bars = [(str(name), float(gain)) for name, gain in improved]
    bars += [(str(name), float(gain)) for name, gain in reversed(dropped)]
    if not bars:
        return None
    ends = [
        f"{name} {percent(gain, sign='+')}"
        for name, gain in (bars[0], bars[-1])
    ]
    return html.figure(
        functools.partial(classes.draw_gains, gains=bars),
        size=classes.gains_size(len(bars)),
        alt=f"Bars: gain of {answer} over {base} in points, class by class, "
        f"from {ends[0]} to {ends[1]}.",
        caption=f"Gain of {answer} over {base}, up to ten classes each way.",
    )


def confusion(
    counts: Any, class_names: Sequence[str], *, answer: str
) -> list[html.Html | None]:
    """Returns the confusion matrix and the pairs that are mixed up most.

    Args:
        counts: Shape `(classes, classes)`; a row is a true class.
        class_names: One name a class.
        answer: Whose answers they are.
    """
    right = sum(counts[place][place] for place in range(len(class_names)))
    total = sum(sum(row) for row in counts)
    picture = html.figure(
        functools.partial(
            classes.draw_confusion, counts=counts, class_names=class_names
        ),
        size=classes.confusion_size(len(class_names)),
        alt=f"Confusion matrix of {answer}: {right} of {total} examples are "
        f"on the diagonal, {len(class_names)} classes.",
        caption=f"Answers of {answer}; the darker a cell, the larger its "
        "share of the true class.",
    )
    pairs = [
        (
            class_names[pair.truth],
            class_names[pair.answer],
            pair.examples,
            percent(pair.share),
        )
        for pair in classes.confused_pairs(counts)
    ]
    if not pairs:
        return [picture, html.paragraph("No example was answered wrongly.")]
    rows = html.table(
        f"Most confused pairs of {answer}",
        ("true class", "answered", "examples", "% of the class"),
        pairs,
        names=2,
    )
    return [html.gallery([picture, rows])]
