"""One media file -> frames and waveform, exact to the frame (PyAV)."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.data.media import _decoder
from gblend_keras.data.media import containers
from gblend_keras.data.media.containers import REASONS
from gblend_keras.data.media.containers import MediaError
from gblend_keras.data.media.containers import PathLike
from gblend_keras.data.media.waveform import read_audio

__all__ = [
    "REASONS",
    "Frames",
    "MediaError",
    "MediaInfo",
    "probe",
    "read_audio",
    "read_clip",
    "read_frames",
]


# No more room is made at first, whatever length a damaged header may state.
_FIRST_BYTES = 2**28
_Taken = tuple[float, npt.NDArray[np.uint8]]  # seconds, (H, W, 3)


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames and their times.

    Attributes:
        images: `(T, H, W, 3)`, uint8, RGB, upright.
        timestamps_seconds: `(T,)`, float64, second 0 being the first time
            stamp of the file. Of the frames themselves where they were read
            as they are; of the sampled instants where a rate was asked for.

    Example:
        >>> from gblend_keras.data import media
        >>> frames = media.read_frames("videos/v00.mp4", end_seconds=0.3)
        >>> frames.images.shape, frames.images.dtype
        ((3, 48, 64, 3), dtype('uint8'))
        >>> frames.timestamps_seconds.round(2).tolist()
        [0.0, 0.1, 0.2]
    """

    images: npt.NDArray[np.uint8]
    timestamps_seconds: npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class MediaInfo:
    """What a file says about itself.

    Attributes:
        width: Pixels, after rotation; 0 without a picture.
        height: Pixels, after rotation.
        frame_rate_hz: Mean frames a second; 0 if the file does not say.
        duration_seconds: Of the whole file; 0 if the file does not say.
        num_frames: Frames that the file's index holds; 0 if it has none.
        rotation_degrees: Turn that makes the picture upright, anti-clockwise:
            0, 90, 180 or 270.
        sample_rate_hz: Samples of the sound a second; 0 without sound.
        num_channels: Channels of the sound; 0 without sound.
        has_video: Whether there is at least one frame.
        has_audio: Whether there is a sound stream.

    Example:
        >>> from gblend_keras.data import media
        >>> info = media.probe("videos/v00.mp4")
        >>> info.width, info.height, info.has_audio
        (64, 48, True)
    """

    width: int = 0
    height: int = 0
    frame_rate_hz: float = 0.0
    duration_seconds: float = 0.0
    num_frames: int = 0
    rotation_degrees: int = 0
    sample_rate_hz: int = 0
    num_channels: int = 0
    has_video: bool = False
    has_audio: bool = False


def probe(path: PathLike) -> MediaInfo:
    """Reads what a file holds; decodes its first frame alone.

    Args:
        path: The file.

    Returns:
        Sizes, rates and which streams there are.

    Raises:
        MediaError: If the file cannot be opened, or its first frame is broken.

    Example:
        >>> from gblend_keras.data import media
        >>> info = media.probe("videos/v00.mp4")
        >>> info.frame_rate_hz, info.sample_rate_hz
        (10.0, 16000)
    """
    facts: dict[str, Any] = {}
    with containers.opened(path) as container:
        facts["duration_seconds"] = containers.duration_seconds(container)
        sound = container.streams.best("audio")
        if sound is not None and sound.codec_context.sample_rate:
            facts["has_audio"] = True
            facts["sample_rate_hz"] = sound.codec_context.sample_rate
            facts["num_channels"] = sound.codec_context.channels
    try:
        with containers.opened(path) as container:
            stream = containers.video_stream(container, path)
            rate = containers.frame_rate(stream)
            num_frames = stream.frames
        with _decoder.frames_since(path, 0.0) as pictures:
            first = next(pictures.frames, None)
    except MediaError as error:
        if error.reason != "no picture":
            raise
        first = None
    if first is not None:
        turns = _decoder.quarter_turns(first.picture)
        sides = (first.picture.width, first.picture.height)
        facts["has_video"] = True
        width, height = sides if turns % 2 == 0 else sides[::-1]
        facts["width"], facts["height"] = width, height
        facts["frame_rate_hz"] = rate
        facts["num_frames"] = num_frames
        facts["rotation_degrees"] = 90 * turns
    return MediaInfo(**facts)


def read_frames(
    path: PathLike,
    *,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    frame_rate_hz: float | None = None,
    short_side: int | None = None,
    num_threads: int = 0,
) -> Frames:
    """Reads the frames that are shown in a span of a file.

    As they are: the frame on the screen at `start_seconds` and all that
    appear before `end_seconds`. With a rate: the frame on the screen at each
    of `start_seconds + k / frame_rate_hz` before the end. Both hold for a
    variable frame rate. What the file does not reach is left out.

    Args:
        path: The file.
        start_seconds: Where the span begins. At least 0.
        end_seconds: Where it ends, later than its start. None: with the file.
        frame_rate_hz: Instants a second. None: the frames as they are.
        short_side: Shorter side in pixels; the other keeps the aspect. None:
            the size as it is.
        num_threads: Threads that decode and scale, which does not change the
            frames; 0 leaves the number to FFmpeg.

    Returns:
        At least one frame.

    Raises:
        MediaError: If the file cannot be read, shows nothing in the span, or
            breaks before the span is over.
        ValueError: If an argument is out of its range.

    Example:
        >>> from gblend_keras.data import media
        >>> frames = media.read_frames(
        ...     "videos/v00.mp4", frame_rate_hz=5.0, short_side=24
        ... )  # of a file of 3 seconds
        >>> frames.images.shape
        (15, 24, 32, 3)
    """
    containers.check_span(start_seconds, end_seconds)
    _check_sampling(frame_rate_hz, short_side)
    end = math.inf if end_seconds is None else end_seconds
    scaler = _decoder.Scaler(short_side, num_threads)
    with _decoder.frames_since(
        path, start_seconds, num_threads=num_threads
    ) as pictures:
        shown = _decoder.shown_since(pictures.frames, start_seconds, path)
        if frame_rate_hz is None:
            taken = _until(shown, end, scaler)
        else:
            numbers: Iterable[int] = itertools.count()
            if not math.isinf(end):
                count = (end - start_seconds) * frame_rate_hz
                # 1e-6: rounding of floats
                numbers = range(max(math.ceil(count - 1e-6), 1))
            instants = (start_seconds + k / frame_rate_hz for k in numbers)
            taken = _at(shown, instants, scaler)
        expected = pictures.expected(start_seconds, end, frame_rate_hz)
        return _Gathered(taken, expected).frames(path)


def read_clip(
    path: PathLike,
    *,
    start_seconds: float,
    num_frames: int,
    stride: int = 1,
    frame_rate_hz: float | None = None,
    short_side: int | None = None,
) -> Frames:
    """Reads a clip of so many frames from a time on.

    Every `stride`-th frame from the one on the screen at `start_seconds`. With
    a rate, frames are counted in `1 / frame_rate_hz` seconds. A clip that
    would reach past the end of the file starts earlier; in a file that is
    shorter than the clip it starts at 0 and the last frame is repeated.

    Args:
        path: The file.
        start_seconds: Where the clip begins. At least 0, inside the file.
        num_frames: Frames of the clip. At least 1.
        stride: Frames from one to the next. At least 1.
        frame_rate_hz: Frames a second to count in. None: those of the file.
        short_side: See `read_frames`.

    Returns:
        Exactly `num_frames` frames.

    Raises:
        MediaError: If the file cannot be read, ends before the clip begins, or
            breaks before it is over.
        ValueError: If an argument is out of its range.

    Example:
        >>> from gblend_keras.data import media
        >>> clip = media.read_clip(
        ...     "videos/v00.mp4", start_seconds=1.0, num_frames=4, stride=2
        ... )
        >>> clip.images.shape
        (4, 48, 64, 3)
        >>> clip.timestamps_seconds.round(2).tolist()
        [1.0, 1.2, 1.4, 1.6]
    """
    containers.check_span(start_seconds, None)
    config.check_range("num_frames", num_frames, 1, 10**6)
    config.check_range("stride", stride, 1, 10**6)
    _check_sampling(frame_rate_hz, short_side)
    clip = _Clip(
        path, num_frames, stride, frame_rate_hz, _decoder.Scaler(short_side)
    )
    taken = clip.taken_from(start_seconds)
    if 0 < taken.num_frames < num_frames:
        taken = clip.taken_from(clip.latest_start(start_seconds))
    return taken.frames(path, at_least=num_frames)


class _Gathered:
    """Frames gathered into one array, which grows when they are more.

    A list of them, stacked at the end, would need their memory twice.
    """

    def __init__(self, taken: Iterator[_Taken], capacity: int) -> None:
        self._times: list[float] = []
        for seconds, image in taken:
            if not self._times:
                size = min(capacity, _FIRST_BYTES // image.size + 1)
                self._images = np.empty((size, *image.shape), np.uint8)
            elif len(self._times) == len(self._images):
                self._grow(2 * len(self._images))
            self._images[len(self._times)] = image
            self._times.append(seconds)

    @property
    def num_frames(self) -> int:
        return len(self._times)

    def frames(self, path: PathLike, at_least: int = 1) -> Frames:
        """Returns the frames, the last one repeated while they are too few."""
        num_frames = self.num_frames
        if not num_frames:
            raise MediaError("too short", path)
        missing = max(at_least - num_frames, 0)
        if num_frames + missing > len(self._images):
            self._grow(num_frames + missing)
        last = num_frames - 1
        self._images[num_frames : num_frames + missing] = self._images[last]
        times = self._times + self._times[last:] * missing
        return Frames(self._images[: len(times)], np.array(times, np.float64))

    def _grow(self, size: int) -> None:
        larger = np.empty((size, *self._images.shape[1:]), np.uint8)
        larger[: self.num_frames] = self._images[: self.num_frames]
        self._images = larger


@dataclasses.dataclass(frozen=True)
class _Clip:
    """What `read_clip` was asked for, but for the start."""

    path: PathLike
    num_frames: int
    stride: int
    frame_rate_hz: float | None
    scaler: _decoder.Scaler

    @property
    def span(self) -> int:
        """Frames from the first of the clip to its last, both included."""
        return (self.num_frames - 1) * self.stride + 1

    def taken_from(self, start_seconds: float) -> _Gathered:
        """Reads the clip, or as much of it as the file has."""
        with _decoder.frames_since(self.path, start_seconds) as pictures:
            shown = _decoder.shown_since(
                pictures.frames, start_seconds, self.path
            )
            if self.frame_rate_hz is None:
                chosen = itertools.islice(shown, 0, self.span, self.stride)
                taken: Iterator[_Taken] = (
                    (each.seconds, self.scaler(each.picture)) for each in chosen
                )
                return _Gathered(taken, self.num_frames)
            step = self.stride / self.frame_rate_hz
            instants = (
                start_seconds + k * step for k in range(self.num_frames)
            )
            taken = _at(shown, instants, self.scaler)
            return _Gathered(taken, self.num_frames)

    def latest_start(self, start_seconds: float) -> float:
        """The latest time from which the file has the whole clip, or 0."""
        rate = self.frame_rate_hz
        if rate is not None:
            with _decoder.frames_since(self.path, start_seconds) as pictures:
                *_, last = pictures.frames
            end = last.seconds + last.duration_seconds
            return max(end - self.span / rate, 0.0)
        for begin in (start_seconds - self.span / 5, 0.0):
            with _decoder.frames_since(self.path, max(begin, 0.0)) as pictures:
                times = [each.seconds for each in pictures.frames]
            if len(times) >= self.span:
                return times[-self.span]
        return 0.0


def _until(
    shown: Iterator[_decoder.Shown], end_seconds: float, scaler: _decoder.Scaler
) -> Iterator[_Taken]:
    """Takes every frame that appears before the end."""
    for each in shown:
        yield each.seconds, scaler(each.picture)
        if each.until_seconds >= end_seconds - _decoder.ROUNDING_SECONDS:
            return


def _at(
    shown: Iterator[_decoder.Shown],
    instants: Iterator[float],
    scaler: _decoder.Scaler,
) -> Iterator[_Taken]:
    """Takes the frame on the screen at each instant, scaled once a frame."""
    instant = next(instants, None)
    for each in shown:
        image = None
        while (
            instant is not None
            and each.until_seconds > instant + _decoder.ROUNDING_SECONDS
        ):
            image = scaler(each.picture) if image is None else image
            yield instant, image
            instant = next(instants, None)
        if instant is None:
            return


def _check_sampling(
    frame_rate_hz: float | None, short_side: int | None
) -> None:
    if frame_rate_hz is not None:
        config.check_range("frame_rate_hz", frame_rate_hz, 1e-3, 1e4)
    if short_side is not None:
        config.check_range("short_side", short_side, 1, 2**14)
