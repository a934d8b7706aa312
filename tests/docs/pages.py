"""The pages of the documentation, and the blocks of code in them."""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
    if path.name != "CHANGELOG.md"  # its names are those of their day
)
# A block that cannot run stands below such a comment.
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
_FENCE = re.compile(
    r"(?:^(?P<mark> *<!-- .*? -->) *\n\s*)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    flags=re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: The page, from the root of the repository.
        line: The line of the fence.
        language: What stands behind the fence.
        text: The code, without the indent of the block.
        reason: Why it is not run; "" for one that is.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str


def text_of(page: str) -> str:
    """Reads a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    """Reads a page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def blocks(page: str, language: str = "") -> list[Block]:
    """Returns the blocks of a page in order, of one language or of all."""
    text = text_of(page)
    found = []
    for match in _FENCE.finditer(text):
        mark = NOT_RUN.search(match["mark"] or "")
        line = text.count("\n", 0, match.start("language")) + 1
        if language in ("", match["language"]):
            found.append(
                Block(
                    page,
                    line,
                    match["language"],
                    textwrap.dedent(match["text"]),
                    mark[1] if mark else "",
                )
            )
    return found


def exists(path: str) -> bool:
    """Whether the repository has this file or folder."""
    return Path(ROOT, path).exists()
