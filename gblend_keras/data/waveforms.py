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
from gblend_keras.data import containers
from gblend_keras.data.containers import MediaError
from gblend_keras.data.containers import PathLike

FloatArray = npt.NDArray[np.float32]

# Read beyond both ends of the span, so that the resampler's filter has run in.
_MARGIN_SECONDS = 0.05
# Time stamps may tremble by this much before they count as a gap.
_TREMOR_SECONDS = 0.005
# Formats whose index leads to the exact sample; others are read from the start.
_INDEXED = ("mov", "matroska")
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
    sample of the file. Channels are mixed, and the rate is changed, as FFmpeg
    does it. Where the sound begins after the picture, pauses, or ends before
    the span does, there are zeros.

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
    """
    containers.check_span(start_seconds, end_seconds)
    config.check_range("sample_rate_hz", sample_rate_hz, 1000, 384000)
    sound = _read_sound(path, start_seconds, end_seconds)
    begin = round(start_seconds * sound.rate_hz)
    end = sound.end
    if end_seconds is not None:
        end = round(end_seconds * sound.rate_hz)
        sound_or_file = max(sound.end, sound.file_end)
    else:
        end_seconds = end / sound.rate_hz
        sound_or_file = sound.end
    if begin >= sound_or_file:
        raise MediaError(
            "too short", path, f"its sound ends at {sound.end_seconds:.3f} s"
        )
    margin, wide_margin = _margins(sound.rate_hz, sample_rate_hz)
    placed = _placed(sound.pieces, begin - margin, end + margin)
    wide = _resampled(placed, sound.rate_hz, sample_rate_hz)[wide_margin:]
    count = round((end_seconds - start_seconds) * sample_rate_hz)
    return np.pad(wide[:count], (0, max(count - len(wide), 0)))


class _Piece(NamedTuple):
    """Samples that follow each other, and where the first of them lies."""

    begin: int  # in samples of the file's rate, from second 0
    samples: FloatArray

    @property
    def end(self) -> int:
        return self.begin + len(self.samples)


@dataclasses.dataclass(frozen=True)
class _Sound:
    """The decoded pieces that cover a span."""

    pieces: list[_Piece]
    rate_hz: int
    file_end: int  # in samples; 0 if the file does not say

    @property
    def end(self) -> int:
        return max(each.end for each in self.pieces)

    @property
    def end_seconds(self) -> float:
        return self.end / self.rate_hz


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
            sound = _decoded_sound(container, path, seek_seconds, stop)
        reached = sound.pieces and (
            sound.pieces[0].begin <= seek_seconds * sound.rate_hz
        )
        if reached or not seek_seconds:
            break
    if not sound.pieces:
        raise MediaError("no sound", path, "its sound stream has no sample")
    return sound


def _decoded_sound(
    container: Any, path: PathLike, seek_seconds: float, stop_seconds: float
) -> _Sound:
    stream = containers.sound_stream(container, path)
    rate = int(stream.codec_context.sample_rate)
    if seek_seconds and container.format.name.startswith(_INDEXED):
        ticks = seek_seconds + containers.zero_seconds(container)
        container.seek(int(ticks / stream.time_base), stream=stream)
    clock = float(containers.pyav().time_base)
    return _Sound(
        pieces=list(_pieces(container, stream, path, stop_seconds)),
        rate_hz=rate,
        file_end=round((container.duration or 0) / clock * rate),
    )


def _pieces(
    container: Any, stream: Any, path: PathLike, stop_seconds: float
) -> Iterator[_Piece]:
    """Decodes on, mixed to one channel, until a time is reached."""
    rate = int(stream.codec_context.sample_rate)
    zero = containers.zero_seconds(container)
    tremor = round(_TREMOR_SECONDS * rate)
    mixers: dict[Any, Any] = {}
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
            samples = _mixed(frame, rate, mixers)
            due = index + len(samples)
            yield _Piece(index, samples)
    except containers.pyav().FFmpegError as error:
        detail = f"sound, after {due / rate:.3f} s: {error.strerror}"
        raise MediaError("broken", path, detail) from error


def _mixed(frame: Any, rate: int, mixers: dict[Any, Any]) -> FloatArray:
    """One channel of one decoded frame, as float, at the stream's rate.

    Formats may change inside a stream; each has its own mixer.
    """
    kind = (frame.format.name, frame.layout.name, frame.sample_rate)
    if kind not in mixers:
        # Of whole numbers FFmpeg makes a mean; of floats, it makes them louder.
        mixers[kind] = _resampler(rate, "s32")
    samples = _joined(mixers[kind].resample(frame))
    return (samples / 2.0**31).astype(np.float32)


def _resampler(rate: int, sample_format: str) -> Any:
    return containers.pyav().AudioResampler(
        format=sample_format, layout="mono", rate=rate
    )


def _joined(frames: Sequence[Any]) -> npt.NDArray[Any]:
    arrays = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)


def _placed(pieces: Sequence[_Piece], begin: int, end: int) -> FloatArray:
    """Lays the pieces where they belong; zeros where there is no sound."""
    waveform = np.zeros(end - begin, np.float32)
    for piece in pieces:
        first = max(piece.begin, begin)
        last = min(piece.end, end)
        if first < last:
            waveform[first - begin : last - begin] = piece.samples[
                first - piece.begin : last - piece.begin
            ]
    return waveform


def _margins(file_rate: int, wanted_rate: int) -> tuple[int, int]:
    """One margin in samples of both rates: whole numbers of the same time."""
    divisor = math.gcd(file_rate, wanted_rate)
    step = file_rate // divisor
    steps = math.ceil(_MARGIN_SECONDS * file_rate / step)
    return steps * step, steps * (wanted_rate // divisor)


def _resampled(waveform: FloatArray, rate: int, wanted_rate: int) -> FloatArray:
    if rate == wanted_rate:
        return waveform
    av = containers.pyav()
    frame = av.AudioFrame.from_ndarray(waveform[None], "flt", "mono")
    frame.sample_rate = rate
    resampler = _resampler(wanted_rate, "flt")
    return _joined([*resampler.resample(frame), *resampler.resample(None)])
