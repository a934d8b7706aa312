"""HTML, escaped unless it says that it is HTML."""

import html
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from gblend_keras.reporting.figures import style


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


class Section(NamedTuple):
    """A part of a page.

    Attributes:
        title: Its heading.
        anchor: What a link to it names.
        content: The whole of it.
    """

    title: str
    anchor: str
    content: Html


def element(name: str, *content: Any, **attributes: Any) -> Html:
    """Returns an element; whatever is not `Html` is escaped.

    Args:
        name: Of the tag.
        content: What is inside; None is left out.
        attributes: `class_` is written class, `aria_label` aria-label. None
            is left out.
    """
    written = "".join(
        f' {key.strip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def join(content: Iterable[Any]) -> Html:
    """Returns pieces one after the other, escaped unless they are `Html`."""
    return Html(
        "".join(
            each if isinstance(each, Html) else html.escape(str(each))
            for each in content
            if each is not None
        )
    )


def paragraph(*content: Any, class_: str | None = None) -> Html:
    """Returns a paragraph."""
    return element("p", *content, class_=class_)


def bullets(lines: Sequence[Any]) -> Html | None:
    """Returns a list, or None without lines."""
    if not lines:
        return None
    return element("ul", *[element("li", line) for line in lines])


def section(title: str, *content: Any) -> Section | None:
    """Returns a section, or None when it has no content."""
    kept = [each for each in content if each]
    if not kept:
        return None
    name = "".join(each if each.isalnum() else "-" for each in title.lower())
    heading = element("h2", title)
    return Section(title, name, element("section", heading, *kept, id=name))


def table(
    caption: str,
    header: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    *,
    names: int = 1,
) -> Html:
    """Returns a table that scrolls inside its frame where it is too wide.

    Args:
        caption: Says what it shows, and in which unit.
        header: Titles of the columns.
        rows: Cells.
        names: How many columns on the left name their row; all but these are
            set to the right.
    """
    titles = [
        element("th", title, scope="col", class_=_side(place, names))
        for place, title in enumerate(header)
    ]
    body = [
        element(
            "tr",
            *[
                element("td", cell, class_=_side(place, names))
                if place
                else element("th", cell, scope="row")
                for place, cell in pairs
            ],
        )
        for pairs in (enumerate(row) for row in rows)
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *titles)),
        element("tbody", *body),
    )
    return element(
        "div",
        whole,
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )


def facts(pairs: Sequence[tuple[str, Any]]) -> Html:
    """Returns names and values; those without a value are left out."""
    return element(
        "dl",
        *[
            element("div", element("dt", name), element("dd", value))
            for name, value in pairs
            if value not in (None, "")
        ],
    )


def figure(
    draw: style.Draw,
    *,
    size: tuple[float, float],
    alt: str,
    title: str | None = None,
    caption: str | None = None,
) -> Html | None:
    """Returns a picture with its caption, or None without matplotlib.

    Args:
        draw: Draws on a matplotlib `Figure`.
        size: Width and height in inches.
        alt: What the picture says, for those who do not see it.
        title: Above the picture; None for none.
        caption: Below the picture; None for none.
    """
    if not style.is_installed():
        return None
    label = html.escape(alt if title is None else f"{title}: {alt}")
    picture = style.svg(draw, size=size, name=label).replace(
        "<svg ", f'<svg role="img" aria-label="{label}" ', 1
    )
    below = None if caption is None else element("figcaption", caption)
    above = None if title is None else element("h3", title)
    return element(
        "figure",
        above,
        Html(picture),
        below,
        style=f"--wide:{96 * size[0]:.0f}px",
    )


def gallery(figures: Sequence[Html | None]) -> Html | None:
    """Returns figures side by side, as many as fit; None without any."""
    kept = [each for each in figures if each is not None]
    return element("div", *kept, class_="gallery") if kept else None


def details(title: str, *content: Any) -> Html:
    """Returns content that opens on a click."""
    return element("details", element("summary", title), *content)


def _side(place: int, names: int) -> str | None:
    return None if place < names else "number"
