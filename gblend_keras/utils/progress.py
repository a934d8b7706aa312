"""Bars of long work: a line on a terminal, or now and then in a log."""

import re
import sys
from typing import Any
from typing import TextIO

import tqdm

LOG_SECONDS = 30.0  # between two lines in a log file
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what moves a cursor


class _WholeLines:
    """Turns what a bar redraws into lines, for a log file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes what is not blank as a line."""
        line = _ESCAPES.sub("", text).strip()
        if line:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()


def make_bar(
    total: int | None, title: str, *, unit: str = "it", show: bool = True
) -> Any:
    """Returns a `tqdm` bar with rate and time left.

    Args:
        total: Steps that the work has; None when that is not known.
        title: What is being done.
        unit: What is counted, for the rate.
        show: False for a bar that prints nothing.
    """
    terminal = sys.stderr.isatty()
    return tqdm.tqdm(
        total=total,
        desc=title,
        unit=unit,
        disable=not show,
        file=sys.stderr if terminal else _WholeLines(sys.stderr),
        mininterval=0.2 if terminal else LOG_SECONDS,
        dynamic_ncols=terminal,
        leave=False,
        ascii=not terminal,
    )


def say(text: str) -> None:
    """Prints lines to standard output, above the bars on the screen."""
    tqdm.tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()
