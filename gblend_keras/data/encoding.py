"""One segment of a video -> one SequenceExample, without TensorFlow."""

import dataclasses
import importlib
import math
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras.data import flow
from gblend_keras.data import media
from gblend_keras.data import record_types
from gblend_keras.data import sequence_examples
from gblend_keras.data.annotations import segments

ImageArray = npt.NDArray[np.uint8]

FLOW_BOUND = 20.0  # pixels a frame; what moves faster is cut off
LOG_MEL_SAMPLE_RATE_HZ = 16000  # the paper's
LOG_MEL_RATE_HZ = 100.0
SILENCE = 1e-4  # -80 dB: three steps of 16-bit sound
_PIECE_BYTES = 96 * 2**20  # frames held at a time; flow takes four times that
_USUAL_RATE_HZ = 30.0  # where a file does not say its own


class UnusableError(ValueError):
    """A segment that decodes but cannot serve.

    Attributes:
        reason: In a word or two, for tables.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Encodes the segments of one data set.

    Attributes:
        dataset: Name of the set.
        videos: Folder of the videos.
        settings: What is stored, and how.
        class_names: Task -> names of its classes, by class index.
    """

    dataset: str
    videos: Path
    settings: record_types.RecordSettings
    class_names: Mapping[str, tuple[str, ...]]

    def encode(
        self, segment: segments.Segment
    ) -> tuple[bytes, record_types.Example]:
        """Decodes a segment and encodes what the settings ask for.

        Returns:
            The record, and its entry in the index.

        Raises:
            MediaError: If the file cannot give it.
            UnusableError: If it is too short.
        """
        path = self.videos / segment.file
        if not segment.file:
            raise media.MediaError(
                "missing", path, f"none fits segment {segment.key}"
            )
        span = _span(path, segment, self.settings)
        builder = sequence_examples.SequenceExampleBuilder()
        seconds, num_frames = 0.0, 0
        if self.settings.pictures:
            frames, flows = read_images(path, span, self.settings)
            seconds = _covered(frames, span)
            num_frames = len(frames.seconds)
            if self.settings.frames:
                builder.set_images(frames)
            if self.settings.flow:
                builder.set_images(flows, sequence_examples.FLOW)
        if self.settings.sound:
            seconds = max(seconds, self._add_sound(builder, path, span))
        if seconds < self.settings.min_seconds:
            raise too_short(path, seconds, self.settings.min_seconds)
        end = span.start + seconds if span.end is None else span.end
        self._add_facts(builder, segment, (span.start, end))
        return builder.serialized(), record_types.Example(
            key=segment.key,
            labels=segment.labels,
            group=segment.group,
            num_frames=num_frames,
            has_sound=self.settings.sound,
        )

    def _add_facts(
        self,
        builder: sequence_examples.SequenceExampleBuilder,
        segment: segments.Segment,
        span: tuple[float, float],
    ) -> None:
        start, end = map(sequence_examples.microseconds, span)
        for key, value in (
            (sequence_examples.EXAMPLE_ID, segment.key),
            (sequence_examples.DATASET_NAME, self.dataset),
            (sequence_examples.DATA_PATH, segment.file),
            (sequence_examples.CLIP_START, start),
            (sequence_examples.CLIP_END, end),
            (sequence_examples.GROUP, segment.group),
            (sequence_examples.SPLIT, segment.split),
        ):
            builder.set_context(key, [value])
        for task, indices in segment.labels.items():
            names = [self.class_names[task][index] for index in indices]
            builder.set_labels(task, indices, names)

    def _add_sound(
        self,
        builder: sequence_examples.SequenceExampleBuilder,
        path: Path,
        span: "Span",
    ) -> float:
        """Adds waveform and log-mel; returns the seconds that they last."""
        settings = self.settings
        rates = {settings.sample_rate_hz: settings.waveform}
        rates[LOG_MEL_SAMPLE_RATE_HZ] = (
            rates.get(LOG_MEL_SAMPLE_RATE_HZ, False) or settings.log_mel
        )
        sounds = {
            rate: _waveform(path, span, rate)
            for rate, needed in rates.items()
            if needed
        }
        if settings.waveform:
            builder.set_waveform(
                sounds[settings.sample_rate_hz],
                sample_rate_hz=settings.sample_rate_hz,
                start_seconds=span.start,
            )
        if settings.log_mel:
            builder.set_log_mel(
                _log_mel(sounds[LOG_MEL_SAMPLE_RATE_HZ]),
                rate_hz=LOG_MEL_RATE_HZ,
                audio_sample_rate_hz=LOG_MEL_SAMPLE_RATE_HZ,
                start_seconds=span.start,
            )
        return max(len(sound) / rate for rate, sound in sounds.items())


@dataclasses.dataclass(frozen=True)
class Span:
    """What of a file is read; an end of None is the end of the file."""

    start: float
    end: float | None
    info: media.MediaInfo

    @property
    def frame_rate_hz(self) -> float:
        return self.info.frame_rate_hz or _USUAL_RATE_HZ


def too_short(path: Path, seconds: float, least: float) -> UnusableError:
    """Says that there is less of a segment than must be."""
    return UnusableError(
        "too short",
        f"The segment is too short. Expected at least {least} s. Received: "
        f"{seconds:.3f} s of {str(path)!r}. Correct its times, lower "
        "min_seconds, or leave it out.",
    )


def _span(
    path: Path,
    segment: segments.Segment,
    settings: record_types.RecordSettings,
) -> Span:
    """Cuts a segment to its file, and checks that the file has the streams."""
    info = media.probe(path)
    if settings.pictures and not info.has_video:
        raise media.MediaError("no picture", path)
    if settings.sound and not info.has_audio:
        raise media.MediaError("no sound", path)
    start = segment.start_seconds or 0.0
    end = math.inf if segment.end_seconds is None else segment.end_seconds
    if settings.max_seconds:
        end = min(end, start + settings.max_seconds)
    if info.duration_seconds and not math.isinf(end):
        end = min(end, info.duration_seconds)
    if end - start < settings.min_seconds:
        raise too_short(path, max(end - start, 0.0), settings.min_seconds)
    return Span(start, None if math.isinf(end) else end, info)


def _covered(frames: sequence_examples.Images, span: Span) -> float:
    """The seconds from the span's start to the last frame's end."""
    last = frames.seconds[-1] + 1 / frames.frame_rate_hz
    return last - max(span.start, frames.seconds[0])


def read_images(
    path: Path, span: Span, settings: record_types.RecordSettings
) -> tuple[sequence_examples.Images, sequence_examples.Images]:
    """Reads, scales and encodes the frames, and the flow between them."""
    frames: list[bytes] = []
    flows: list[bytes] = []
    seconds: list[float] = []
    height, width = 0, 0
    before: ImageArray | None = None
    for piece in _pieces(path, span, settings):
        height, width = piece.images.shape[1:3]
        seconds.extend(piece.timestamps_seconds.tolist())
        if settings.frames:
            frames.extend(_jpegs(piece.images, settings.jpeg_quality))
        if settings.flow:
            moving = piece.images
            if before is not None:  # the flow out of the last piece, at last
                moving = np.concatenate([before, moving])
                flows.pop()
            before = moving[-1:]
            flows.extend(flow_jpegs(moving, settings))
    rate = settings.frame_rate_hz or span.frame_rate_hz
    pictures = sequence_examples.Images(frames, seconds, height, width, rate)
    if not settings.frames:
        pictures = dataclasses.replace(pictures, encoded=())
    return pictures, dataclasses.replace(
        pictures, encoded=flows, saturation=FLOW_BOUND
    )


def _pieces(
    path: Path, span: Span, settings: record_types.RecordSettings
) -> Iterator[media.Frames]:
    """Reads the frames of a span, so many at a time that memory stays small.

    No frame comes twice: the one on the screen where a piece begins was the
    last of the piece before.
    """
    rate = settings.frame_rate_hz or span.frame_rate_hz
    step = frames_a_piece(span.info, settings) / rate
    last = -math.inf
    for number in range(2**31):
        start = span.start + number * step
        end: float | None = start + step
        limit = span.end or span.info.duration_seconds
        if limit and start + step >= limit:
            end = span.end  # None reads on, whatever the file says it lasts
        if number and span.end is not None and start >= span.end:
            return
        try:
            piece = media.read_frames(
                path,
                start_seconds=start,
                end_seconds=end,
                frame_rate_hz=settings.frame_rate_hz or None,
                short_side=settings.short_side or None,
                num_threads=1,  # the workers share the processors
            )
        except media.MediaError as error:
            if number and error.reason == "too short":
                return
            raise
        new = piece.timestamps_seconds > last
        if new.any():
            last = piece.timestamps_seconds[-1]
            yield media.Frames(piece.images[new], piece.timestamps_seconds[new])
        if end == span.end:
            return


def frames_a_piece(
    info: media.MediaInfo, settings: record_types.RecordSettings
) -> int:
    scale = settings.short_side / max(min(info.width, info.height), 1) or 1.0
    image_bytes = 3 * info.width * info.height * scale**2
    share = 4 if settings.flow else 1
    return max(int(_PIECE_BYTES / share / max(image_bytes, 1.0)), 16)


def _jpegs(images: ImageArray, quality: int) -> Iterator[bytes]:
    cv2 = opencv()
    for image in images:
        yield _jpeg(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)


def flow_jpegs(
    images: ImageArray, settings: record_types.RecordSettings
) -> Iterator[bytes]:
    """Encodes flow: x as red, y as green, a blue that says nothing."""
    cv2 = opencv()
    # Colours are not shared between neighbours, as pictures allow.
    full = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    )
    method: Any = settings.flow
    motion = flow.optical_flow(images, method=method, bound=FLOW_BOUND)
    for each in flow.encode_flow(motion, bound=FLOW_BOUND):
        picture = np.full((*each.shape[:2], 3), 128, np.uint8)  # BGR
        picture[..., 2] = each[..., 0]
        picture[..., 1] = each[..., 1]
        yield _jpeg(picture, settings.jpeg_quality, *full)


def _jpeg(picture: ImageArray, quality: int, *options: int) -> bytes:
    cv2 = opencv()
    done, data = cv2.imencode(
        ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *options]
    )
    if not done:
        raise UnusableError(
            "error",
            "OpenCV cannot encode a frame as JPEG. Expected sides up to 65500 "
            f"pixels. Received: {picture.shape[1]} x {picture.shape[0]}. "
            "Set short_side.",
        )
    return bytes(data)


def _waveform(path: Path, span: Span, rate_hz: int) -> npt.NDArray[np.float32]:
    sound = media.read_audio(
        path,
        start_seconds=span.start,
        end_seconds=span.end,
        sample_rate_hz=rate_hz,
    )
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < SILENCE:
        raise media.MediaError("silent", path, f"its peak is {peak:.0e}")
    return sound


def _log_mel(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # Loads TensorFlow, seconds and 600 MB: only where this is asked for.
    audio_vmz = importlib.import_module("gblend_keras.data.audio_vmz")
    return np.asarray(audio_vmz.vmz_log_mel(sound), np.float32)


def opencv() -> Any:
    """Returns OpenCV, or says how to install it."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "Encoding frames needs OpenCV. Install it with "
            '`pip install "gblend_keras[video]"`.'
        ) from error
    return cv2
