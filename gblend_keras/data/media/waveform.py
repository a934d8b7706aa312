"""The sound of one media file -> a mono waveform of exactly one span."""

import dataclasses
import math
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.data.media import containers
from gblend_keras.data.media.containers import MediaError
from gblend_keras.data.media.containers import PathLike

FloatArray = npt.NDArray[np.float32]

# Read beyond both ends of the span, so that the resampler's filter has run in.
_MARGIN_SECONDS = 0.05
# Time stamps may tremble by this much before they count as a gap.
_TREMOR_SECONDS = 0.005
_SEEK_FROM_SECONDS = 30.0  # below, decoding all of it is quick
_PREROLL_SECONDS = 1.0  # what a decoder needs to find its state again


def read_audio(
    path: PathLike,
    *,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    sample_rate_hz: int = 16000,
) -> FloatArray:
    """Reads the sound of a span as one channel at one rate.

    Sample k is the sound at `start_seconds + k / sample_rate_hz`, to half a
    sample: a span gives what the whole sound has at its place. FFmpeg mixes
    the channels and changes the rate. Where the sound begins after the
    picture, pauses, or ends before the span does, there are zeros.

    Args:
        path: The file.
        start_seconds: Where the span begins. At least 0.
        end_seconds: Where it ends, later than its start. None: with the sound.
        sample_rate_hz: Samples a second.

    Returns:
        Shape `(round((end - start) * sample_rate_hz),)`, within about [-1, 1].

    Raises:
        MediaError: If the file cannot be read, has no sound, ends before the
            span begins, or breaks before the span is over.
        ValueError: If an argument is out of its range.

    Example:
        >>> from gblend_keras.data import media
        >>> waveform = media.read_audio("videos/v00.mp4", end_seconds=0.5)
        >>> waveform.shape, waveform.dtype
        ((8000,), dtype('float32'))
    """
    containers.check_span(start_seconds, end_seconds)
    config.check_range("sample_rate_hz", sample_rate_hz, 1000, 384000)
    sound = _read_sound(path, start_seconds, end_seconds)
    end = sound.end_seconds if end_seconds is None else end_seconds
    there = sound.end_seconds
    if end_seconds is not None:  # a sound may end before the picture does
        there = max(there, sound.file_seconds)
    if start_seconds >= there:
        raise MediaError(
            "too short", path, f"its sound ends at {sound.end_seconds:.3f} s"
        )
    return _cut(sound, start_seconds, end, sample_rate_hz)


class _Piece(NamedTuple):
    """Samples that follow each other, and where the first of them lies."""

    begin: int  # in samples of the file's rate, from second 0
    samples: FloatArray

    @property
    def end(self) -> int:
        return self.begin + len(self.samples)


class _Grid(NamedTuple):
    """The shortest time that is a whole number of samples at both rates.

    Resampling begins on this grid, so that a span gives the same samples
    whether it is read alone or within a longer one.
    """

    file_samples: int
    samples: int
    seconds: float

    @classmethod
    def of(cls, file_rate: int, rate: int) -> "_Grid":
        divisor = math.gcd(file_rate, rate)
        return cls(file_rate // divisor, rate // divisor, 1 / divisor)

    def first_step(self, start_seconds: float) -> int:
        """The last step that leaves the filter its margin before a time."""
        return math.floor((start_seconds - _MARGIN_SECONDS) / self.seconds)


@dataclasses.dataclass(frozen=True)
class _Sound:
    """The decoded pieces that cover a span."""

    pieces: list[_Piece]
    rate_hz: int
    file_seconds: float  # of picture and sound; 0 if the file does not say

    @property
    def end_seconds(self) -> float:
        return max(each.end for each in self.pieces) / self.rate_hz


def _read_sound(
    path: PathLike, start_seconds: float, end_seconds: float | None
) -> _Sound:
    """Decodes what covers the span, by a seek where that is exact."""
    stop = (
        math.inf if end_seconds is None else end_seconds + 2 * _MARGIN_SECONDS
    )
    sought = start_seconds >= _SEEK_FROM_SECONDS
    for seek_seconds in (start_seconds - _PREROLL_SECONDS, 0.0)[not sought :]:
        with containers.opened(path) as container:
            stream = containers.sound_stream(container, path)
            rate = int(stream.codec_context.sample_rate)
            if seek_seconds and containers.has_index(container):
                ticks = seek_seconds + containers.zero_seconds(container)
                container.seek(int(ticks / stream.time_base), stream=stream)
            sound = _Sound(
                pieces=list(_pieces(container, stream, path, stop)),
                rate_hz=rate,
                file_seconds=containers.duration_seconds(container),
            )
        reached = sound.pieces and (
            sound.pieces[0].begin <= seek_seconds * sound.rate_hz
        )
        if reached or not seek_seconds:
            break
    if not sound.pieces:
        raise MediaError("no sound", path, "its sound stream has no sample")
    return sound


def _pieces(
    container: Any, stream: Any, path: PathLike, stop_seconds: float
) -> Iterator[_Piece]:
    """Decodes on, mixed to one channel, until a time is reached."""
    rate = int(stream.codec_context.sample_rate)
    zero = containers.zero_seconds(container)
    tremor = round(_TREMOR_SECONDS * rate)
    mixers: dict[Any, Any] = {}  # formats may change inside a stream
    due = 0
    try:
        for frame in container.decode(stream):
            stamp = due
            if frame.pts is not None:
                stamp = round(
                    (float(frame.pts * frame.time_base) - zero) * rate
                )
            index = due if due and abs(stamp - due) <= tremor else stamp
            if index >= stop_seconds * rate:
                return
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind not in mixers:
                # Of whole numbers FFmpeg makes a mean; of floats, it makes
                # them louder.
                mixers[kind] = _resampler(rate, "s32")
            whole = _joined(mixers[kind].resample(frame))
            samples = (whole / 2.0**31).astype(np.float32)
            due = index + len(samples)
            yield _Piece(index, samples)
    except containers.pyav().FFmpegError as error:
        detail = f"sound, after {due / rate:.3f} s: {error.strerror}"
        raise MediaError("broken", path, detail) from error


def _resampler(rate: int, sample_format: str) -> Any:
    return containers.pyav().AudioResampler(
        format=sample_format, layout="mono", rate=rate
    )


def _joined(frames: Sequence[Any]) -> npt.NDArray[Any]:
    arrays = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)


def _cut(sound: _Sound, start: float, end: float, rate: int) -> FloatArray:
    """The span from start to end, in seconds, at another rate."""
    grid = _Grid.of(sound.rate_hz, rate)
    step = grid.first_step(start)
    first = step * grid.file_samples
    last = round((end + _MARGIN_SECONDS) * sound.rate_hz)
    # The pieces lie where they belong; zeros where there is no sound.
    wide = np.zeros(last - first, np.float32)
    for piece in sound.pieces:
        begin = max(piece.begin, first)
        stop = min(piece.end, last)
        if begin < stop:
            wide[begin - first : stop - first] = piece.samples[
                begin - piece.begin : stop - piece.begin
            ]
    if rate != sound.rate_hz:
        av = containers.pyav()
        frame = av.AudioFrame.from_ndarray(wide[None], "flt", "mono")
        frame.sample_rate = sound.rate_hz
        resampler = _resampler(rate, "flt")
        wide = _joined([*resampler.resample(frame), *resampler.resample(None)])
    skipped = round(start * rate) - step * grid.samples
    count = round((end - start) * rate)
    waveform = wide[skipped : skipped + count]
    return np.pad(waveform, (0, count - len(waveform)))
