"""Figures: one look for all of them, as PNG files or as inline SVG.

An inline SVG has no background and takes the colour of the text around it, so
one picture serves light and dark pages and paper.
"""

import contextlib
import hashlib
import io
import re
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from gblend_keras.utils import files
from gblend_keras.utils import optional

# Okabe & Ito's palette: told apart by colour-blind readers. Markers, lines and
# hatches tell the same apart in print without colours.
COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7F7F7F",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "|||", "+++")
LINES = ("-", (0, (5, 2)), "-.", ":", (0, (7, 2, 1, 2, 1, 2)))
INK = "#0A0B0C"  # stands for the colour of the text around a picture
HINT = optional.hint("matplotlib", extra="report", purpose="A plot")
_STYLE = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "font.size": 9.0,
    "grid.alpha": 0.35,
    "grid.color": "#808080",
    "hatch.color": INK,
    "hatch.linewidth": 0.6,
    "legend.fontsize": "small",
    "legend.frameon": False,
    "svg.fonttype": "none",  # real text, in the fonts that the reader has
    "svg.hashsalt": "gblend_keras",  # the same picture, the same file
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$5 or $6"
    "xtick.color": INK,
    "ytick.color": INK,
}

Draw = Callable[[Any], None]  # takes a matplotlib Figure


class Look(NamedTuple):
    """How one head is drawn wherever it appears."""

    color: str
    marker: str
    hatch: str
    line: Any


def look(index: int) -> Look:
    """Returns the look of the head, or method, with this number."""
    return Look(
        COLORS[index % len(COLORS)],
        MARKERS[index % len(MARKERS)],
        HATCHES[index % len(HATCHES)],
        LINES[index % len(LINES)],
    )


def is_installed() -> bool:
    """Returns whether pictures can be drawn.

    Example:
        >>> import gblend_keras as gb
        >>> gb.reporting.is_installed()  # matplotlib
        True
    """
    return optional.are_installed("matplotlib")


def legend_below(
    figure: Any, handles: Sequence[Any], labels: Sequence[str]
) -> None:
    """Puts the legend of a picture below all of its axes."""
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(3, len(labels)),
        handlelength=3,
    )


def save_png(draw: Draw, path: Path, *, size: tuple[float, float]) -> None:
    """Draws a figure into a PNG file, on white.

    Args:
        draw: Draws on a matplotlib `Figure`.
        path: The file.
        size: Width and height in inches.

    Raises:
        ImportError: If matplotlib is missing.
    """
    with files.replacing(path) as beside, _drawn(draw, size, {}) as figure:
        figure.savefig(beside, format="png", dpi=120, bbox_inches="tight")


def svg(draw: Draw, *, size: tuple[float, float], name: str = "") -> str:
    """Draws a figure as an `<svg>` element for a page.

    Args:
        draw: Draws on a matplotlib `Figure`.
        size: Width and height in inches, of 96 pixels.
        name: Tells it from others of a page that may look the same.

    Returns:
        The element, without `role` and label. Its ids are its own.

    Raises:
        ImportError: If matplotlib is missing.
    """
    written = io.StringIO()
    with _drawn(draw, size, _STYLE) as figure:
        # `savefig` would draw everything twice, the first time for nothing.
        backend = _matplotlib("matplotlib.backends.backend_svg")
        backend.FigureCanvasSVG(figure).print_svg(written)
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    own = "p" + hashlib.sha256((name + text).encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))

    def own_tag(match: re.Match[str]) -> str:
        """Returns a tag with ids that no other picture of the page has."""
        tag = match.group()
        found = re.search(r' \bid="([^"]*)"', tag)
        if found and found.group(1) not in used:
            tag = tag.replace(found.group(), "")
        tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", tag)
        return re.sub(r"\s+", " ", tag.replace(INK.lower(), "currentColor"))

    text = re.sub(r"<[^>]+>", own_tag, text)
    width, height = (round(96 * each) for each in size)
    box = re.search(r'viewBox="[^"]*"', text)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box.group() if box else ""} width="{width}" height="{height}">'
    )
    return opening + text[text.index(">") + 1 :]


@contextlib.contextmanager
def _drawn(
    draw: Draw, size: tuple[float, float], style: Mapping[str, Any]
) -> Iterator[Any]:
    """Yields a figure, drawn and laid out, with its style in force."""
    figures = _matplotlib("matplotlib.figure")
    with _matplotlib("matplotlib").rc_context(style), warnings.catch_warnings():
        # The reader's fonts have what ours lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = figures.Figure(figsize=size, layout="constrained")
        draw(figure)
        # Laid out here once: whatever saves it would do so again.
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")
        yield figure


def _matplotlib(module: str) -> Any:
    return optional.load(module, extra="report", purpose="A plot")
