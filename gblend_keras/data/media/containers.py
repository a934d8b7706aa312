"""One media file, opened safely: its errors, its streams, its clock."""

import contextlib
import math
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gblend_keras import config
from gblend_keras.utils import optional

PathLike = str | os.PathLike[str]

# What an MP4 or QuickTime file has at its fifth byte.
_MP4_MARKS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")

# reason -> the rule that is broken, what is expected, what to do
_MESSAGES = {
    "missing": (
        "names no file",
        "a media file",
        "Check the folder and the spelling.",
    ),
    "empty": (
        "has no bytes",
        "a media file",
        "Fetch it again.",
    ),
    "broken": (
        "is damaged",
        "a file that decodes to its end",
        "Fetch it again, or ask for a span before the damage.",
    ),
    "no picture": (
        "shows no picture",
        "a video stream with at least one frame",
        "Leave the file out, or read its sound alone.",
    ),
    "no sound": (
        "has no sound",
        "a sound stream with at least one sample",
        "Leave the file out, or read its frames alone.",
    ),
    "too short": (
        "ends before the span begins",
        "a start inside the file",
        "Correct the times, or leave the segment out.",
    ),
    "silent": (
        "is silent",
        "a sample that is not zero",
        "Leave the file out, or accept silence.",
    ),
    "unreadable": (
        "is no media file",
        "a regular file of a format that FFmpeg reads",
        "Convert it with ffmpeg, or leave it out.",
    ),
}
REASONS = tuple(_MESSAGES)


class MediaError(ValueError):
    """A media file that cannot give what was asked for.

    Attributes:
        reason: One of `REASONS`: what is wrong, for tables and branches.
        path: The file.
        detail: Where or how, in words; may be empty.

    Example:
        >>> from gblend_keras.data import media
        >>> try:
        ...     media.read_frames("labels.csv")
        ... except media.MediaError as error:
        ...     print(error.reason)
        unreadable
    """

    def __init__(self, reason: str, path: PathLike, detail: str = "") -> None:
        # All of them go to `args`, or the error could not leave a process.
        super().__init__(reason, os.fspath(path), detail)
        self.reason = reason
        self.path = os.fspath(path)
        self.detail = detail

    def __str__(self) -> str:
        rule, expected, advice = _MESSAGES[self.reason]
        detail = f" ({self.detail})" if self.detail else ""
        return (
            f"`path` {rule}{detail}. Expected {expected}. "
            f"Received: path={self.path!r}. {advice}"
        )


def pyav() -> Any:
    """Returns PyAV, or says how to install it."""
    return optional.load("av", extra="video", purpose="Reading videos")


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[Any]:
    """Opens a media file by its content, whatever its name ends in.

    Args:
        path: A regular file; links are followed.

    Yields:
        The `av` container, closed when the body ends.

    Raises:
        MediaError: If there is no file, or nothing in it that FFmpeg knows.
    """
    av = pyav()
    _check_regular(path)
    try:
        container = av.open(
            # The prefix keeps a name such as "a:b.mp4" from being a protocol.
            f"file:{os.fspath(path)}",
            metadata_errors="ignore",
            # A playlist must not send us to the network.
            options={"protocol_whitelist": "file"},
        )
    except (av.FFmpegError, UnicodeError) as error:
        # A cut MP4 has lost the index at its end, but begins like one.
        with Path(path).open("rb") as file:
            begins = file.read(8)
        reason = "broken" if begins[4:] in _MP4_MARKS else "unreadable"
        raise MediaError(reason, path, str(error)) from error
    with container:
        yield container


def video_stream(container: Any, path: PathLike) -> Any:
    """Returns the picture stream; a cover picture of a song is none.

    Raises:
        MediaError: "no picture".
    """
    stream = container.streams.best("video")
    if stream is None or "attached_pic" in str(stream.disposition):
        raise MediaError("no picture", path)
    return stream


def sound_stream(container: Any, path: PathLike) -> Any:
    """Returns the sound stream.

    Raises:
        MediaError: "no sound".
    """
    stream = container.streams.best("audio")
    if stream is None or not stream.codec_context.sample_rate:
        raise MediaError("no sound", path)
    return stream


def zero_seconds(container: Any) -> float:
    """Returns the time stamp that counts as second 0: the earliest one."""
    return float(container.start_time or 0) / float(pyav().time_base)


def duration_seconds(container: Any) -> float:
    """Returns how long the file says it is; 0 if it does not say."""
    return float(container.duration or 0) / float(pyav().time_base)


def frame_rate(stream: Any) -> float:
    """Returns a stream's mean frames a second; 0 if the file does not say."""
    return float(stream.average_rate or stream.guessed_rate or 0)


def has_index(container: Any) -> bool:
    """Whether a seek in this format leads to the exact time.

    In others (MPEG, AVI) a seek may land late, and the time stamps after it
    may be those of neighbouring frames: they are decoded from the start.
    """
    return str(container.format.name).startswith(("mov", "matroska"))


def check_span(start_seconds: float, end_seconds: float | None) -> None:
    """Raises ValueError unless a span has a start and a later end."""
    config.check_range("start_seconds", start_seconds, 0, sys.float_info.max)
    if end_seconds is not None and not start_seconds < end_seconds < math.inf:
        raise ValueError(
            "`end_seconds` is not after the start. Expected more than "
            f"{start_seconds}. Received: end_seconds={end_seconds}. "
            "Give the times in seconds of the file."
        )


def _check_regular(path: PathLike) -> None:
    """Raises unless there is a regular file with at least one byte."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError("missing", path) from error
    except OSError as error:  # a loop of links, no permission
        raise MediaError("unreadable", path, str(error.strerror)) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise MediaError("unreadable", path, kind)
    if status.st_size == 0:
        raise MediaError("empty", path)
