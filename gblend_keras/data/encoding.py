"""One segment of a video -> one SequenceExample, without TensorFlow."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import image_encoding
from gblend_keras.data import media
from gblend_keras.data import mel
from gblend_keras.data import record_types
from gblend_keras.data import sequence_examples
from gblend_keras.data.annotations import segments

SILENCE = 1e-4  # -80 dB: three steps of 16-bit sound


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
            image_encoding.UnusableError: If it is too short.
        """
        path = self.videos / segment.file
        if not segment.file:
            raise media.MediaError(
                "missing", path, f"none fits segment {segment.key}"
            )
        span = _span(path, segment, self.settings)
        builder = sequence_examples.SequenceExampleBuilder()
        lasting = []  # seconds, of the picture and of the sound
        num_frames = 0
        if self.settings.pictures:
            frames = self._add_images(builder, path, span)
            lasting.append(_covered(frames, span))
            num_frames = len(frames.seconds)
        if self.settings.sound:
            lasting.append(self._add_sound(builder, path, span))
        if min(lasting) < self.settings.min_seconds:
            raise too_short(path, min(lasting), self.settings.min_seconds)
        end = span.start + max(lasting) if span.end is None else span.end
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

    def _add_images(
        self,
        builder: sequence_examples.SequenceExampleBuilder,
        path: Path,
        span: image_encoding.Span,
    ) -> sequence_examples.Images:
        """Adds frames and flow; returns the frames."""
        frames, flows = image_encoding.read_images(path, span, self.settings)
        if self.settings.frames:
            builder.set_images(frames)
        if self.settings.flow:
            builder.set_images(flows, sequence_examples.FLOW)
        return frames

    def _add_sound(
        self,
        builder: sequence_examples.SequenceExampleBuilder,
        path: Path,
        span: image_encoding.Span,
    ) -> float:
        """Adds waveform and log-mel; returns the seconds that they last."""
        settings = self.settings
        rates = {settings.sample_rate_hz: settings.waveform}
        rates[mel.SAMPLE_RATE_HZ] = (
            rates.get(mel.SAMPLE_RATE_HZ, False) or settings.log_mel
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
                mel.log_mel(sounds[mel.SAMPLE_RATE_HZ]),
                rate_hz=mel.ROW_RATE_HZ,
                audio_sample_rate_hz=mel.SAMPLE_RATE_HZ,
                start_seconds=span.start,
            )
        return max(len(sound) / rate for rate, sound in sounds.items())


def too_short(
    path: Path, seconds: float, least: float
) -> image_encoding.UnusableError:
    """Says that there is less of a segment than must be."""
    return image_encoding.UnusableError(
        "too short",
        f"The segment is too short. Expected at least {least} s. Received: "
        f"{seconds:.3f} s of {str(path)!r}. Correct its times, lower "
        "min_seconds, or leave it out.",
    )


def _span(
    path: Path,
    segment: segments.Segment,
    settings: record_types.RecordSettings,
) -> image_encoding.Span:
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
    return image_encoding.Span(start, None if math.isinf(end) else end, info)


def _covered(
    frames: sequence_examples.Images, span: image_encoding.Span
) -> float:
    """The seconds from the span's start to the last frame's end."""
    last = frames.seconds[-1] + 1 / frames.frame_rate_hz
    return last - max(span.start, frames.seconds[0])


def _waveform(
    path: Path, span: image_encoding.Span, rate_hz: int
) -> npt.NDArray[np.float32]:
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
