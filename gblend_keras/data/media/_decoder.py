"""The decoded pictures of one media file, in order, and when they are shown."""

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.data.media import containers
from gblend_keras.data.media.containers import MediaError
from gblend_keras.data.media.containers import PathLike

# Below this, decoding from the start is as fast as a seek.
NEAR_SECONDS = 2.0
# The index holds times of decoding: where frames are reordered, a seek may land
# behind the start. Then an earlier place is tried.
_BACK_SECONDS = (0.0, 2.0, 16.0)
_NO_RATE_STEP_SECONDS = 0.04  # 25 frames a second, for files that say nothing
# Half a tick of Matroska, whose times are whole milliseconds: a frame whose
# time was rounded up by so much counts as shown.
ROUNDING_SECONDS = 0.0005


class Decoded(NamedTuple):
    """One decoded picture and when it is shown.

    `picture` is an `av.VideoFrame`; the times are seconds of the file.
    """

    seconds: float
    duration_seconds: float
    picture: Any


class Pictures(NamedTuple):
    """The decoded pictures from a time on, and what the file says of them."""

    frames: Iterator[Decoded]
    frame_rate_hz: float  # 0 if the file does not say
    duration_seconds: float  # 0 if the file does not say

    def expected(self, start: float, end: float, rate: float | None) -> int:
        """About how many frames a span has, at a rate or as they are."""
        span = min(end, self.duration_seconds) - start
        return max(math.ceil(span * (rate or self.frame_rate_hz)) + 1, 1)


class Shown(NamedTuple):
    """A picture, and the span in which it is on the screen."""

    seconds: float
    until_seconds: float
    picture: Any


@contextlib.contextmanager
def frames_since(
    path: PathLike, start_seconds: float, *, num_threads: int = 0
) -> Iterator[Pictures]:
    """Decodes from the frame that is shown at a time, or from one before it.

    Seeks to a key frame before the time in formats with an index. Whether it
    lies before is seen by its time stamp; if not, an earlier place is tried,
    at last the start. Files of other formats are decoded from their start.

    Args:
        path: The file.
        start_seconds: Time in the file.
        num_threads: Threads that decode; 0 leaves the number to FFmpeg.

    Yields:
        The decoded frames in order of display, until the end of the file.

    Raises:
        MediaError: If the file cannot be read; "broken" where decoding stops.
    """
    for back in _BACK_SECONDS:
        target = start_seconds - back
        if target < NEAR_SECONDS:
            break
        with containers.opened(path) as container:
            _limit_threads(container, num_threads)
            frames = _sought(container, path, target, start_seconds)
            if frames is not None:
                yield _described(container, path, frames)
                return
    with containers.opened(path) as container:
        _limit_threads(container, num_threads)
        stream = containers.video_stream(container, path)
        frames = _decoded(container, stream, path)
        yield _described(container, path, frames)


def _described(
    container: Any, path: PathLike, frames: Iterator[Decoded]
) -> Pictures:
    stream = containers.video_stream(container, path)
    return Pictures(
        frames,
        frame_rate_hz=containers.frame_rate(stream),
        duration_seconds=containers.duration_seconds(container),
    )


def _limit_threads(container: Any, num_threads: int) -> None:
    for stream in container.streams.video:
        stream.codec_context.thread_count = num_threads


def _sought(
    container: Any,
    path: PathLike,
    target_seconds: float,
    start_seconds: float,
) -> Iterator[Decoded] | None:
    """Seeks; None where that does not lead to a key frame before the start."""
    if not containers.has_index(container):
        return None
    stream = containers.video_stream(container, path)
    seconds = target_seconds + containers.zero_seconds(container)
    try:
        container.seek(int(seconds / stream.time_base), stream=stream)
        # Right after a seek, frames before any key frame lack references.
        frames = itertools.dropwhile(
            lambda frame: not frame.picture.key_frame,
            _decoded(container, stream, path, sought=True),
        )
        first = next(frames, None)
    except (containers.pyav().FFmpegError, MediaError):
        return None  # decoding from the start says what is wrong
    if first is None or first.seconds > start_seconds:
        return None
    return itertools.chain([first], frames)


def _decoded(
    container: Any,
    stream: Any,
    path: PathLike,
    *,
    sought: bool = False,
) -> Iterator[Decoded]:
    """Decodes on from where the container stands."""
    zero = containers.zero_seconds(container)
    tick = float(stream.time_base)
    rate = containers.frame_rate(stream)
    step = 1 / rate if rate else _NO_RATE_STEP_SECONDS
    seconds = -step
    count = 0
    try:
        for picture in container.decode(stream):
            if picture.pts is None and sought and count == 0:
                return  # nothing says where the seek led
            before, seconds = seconds, seconds + step
            if picture.pts is not None:
                stamp = picture.pts * tick - zero
                if count == 0 or stamp > before:
                    seconds = stamp
            if picture.is_corrupt:
                raise MediaError("broken", path, f"at {seconds:.3f} s")
            count += 1
            duration = (picture.duration or 0) * tick
            yield Decoded(seconds, duration or step, picture)
    except containers.pyav().FFmpegError as error:
        detail = f"after {max(seconds, 0):.3f} s: {error.strerror}"
        raise MediaError("broken", path, detail) from error


class Scaler:
    """Turns decoded pictures into upright RGB arrays of one size.

    Args:
        short_side: Shorter side in pixels; None for the size as it is.
        num_threads: Threads that scale; 0 leaves the number to FFmpeg.
    """

    def __init__(self, short_side: int | None, num_threads: int = 0) -> None:
        self._short_side = short_side
        self._size: tuple[int, int] | None = None
        # One for all frames: it keeps its tables while the sizes stay.
        av = containers.pyav()
        self._reformatter = av.video.reformatter.VideoReformatter()
        # Before PyAV 17 there is one thread, and no argument for it.
        self._options = (
            {"threads": num_threads}
            if int(av.__version__.split(".")[0]) >= 17
            else {}
        )

    def __call__(self, picture: Any) -> npt.NDArray[np.uint8]:
        if self._size is None:  # a later change of size is scaled to the first
            width, height = picture.width, picture.height
            if self._short_side is not None:
                scale = self._short_side / min(width, height)
                width = max(round(width * scale), 1)
                height = max(round(height * scale), 1)
            self._size = width, height
        width, height = self._size
        rgb = self._reformatter.reformat(
            picture, width, height, "rgb24", **self._options
        )
        (plane,) = rgb.planes
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
        image = rows[:, : 3 * width].reshape(height, width, 3)  # still a view
        return np.rot90(image, quarter_turns(picture))


def quarter_turns(picture: Any) -> int:
    """Anti-clockwise quarter turns that make a picture upright: 0 to 3."""
    return round(picture.rotation / 90) % 4


def shown_since(
    frames: Iterator[Decoded], start_seconds: float, path: PathLike
) -> Iterator[Shown]:
    """Yields what is on the screen from a time on.

    Looks one frame ahead, for only the next frame says until when one is
    shown. Damage there is raised only when more than that frame is wanted.
    """
    held = next(frames, None)
    if held is None:
        raise MediaError("no picture", path, "its video stream has no frame")
    while held is not None:
        following, damage = None, None
        try:
            following = next(frames, None)
        except MediaError as error:
            damage = error
        until = held.seconds + held.duration_seconds
        if following is not None:
            until = following.seconds
        if until > start_seconds + ROUNDING_SECONDS:
            yield Shown(held.seconds, until, held.picture)
        if damage is not None:
            raise damage
        held = following
