"""One segment of a video -> one SequenceExample, without TensorFlow."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gblend_keras.data.annotations import segments
from gblend_keras.data.media import reader
from gblend_keras.data.records import _image_encoder
from gblend_keras.data.records import media_sequence
from gblend_keras.data.records import record_format
from gblend_keras.data.sound import _vmz_mel

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
    settings: record_format.RecordSettings
    class_names: Mapping[str, tuple[str, ...]]

    def encode(
        self, segment: segments.Segment
    ) -> tuple[bytes, record_format.Example]:
        """Decodes a segment and encodes what the settings ask for.

        Returns:
            The record, and its entry in the index.

        Raises:
            MediaError: If the file cannot give it.
            image_encoding.UnusableError: If it is too short.
        """
        path = self.videos / segment.file
        if not segment.file:
            raise reader.MediaError(
                "missing", path, f"none fits segment {segment.key}"
            )
        span = _span(path, segment, self.settings)
        builder = media_sequence.SequenceExampleBuilder()
        lasting = []  # seconds, of the picture and of the sound
        num_frames = 0
        if self.settings.pictures:
            frames, flows = _image_encoder.read_images(
                path, span, self.settings
            )
            if self.settings.frames:
                builder.set_images(frames)
            if self.settings.flow:
                builder.set_images(flows, media_sequence.FLOW)
            last = frames.seconds[-1] + 1 / frames.frame_rate_hz
            lasting.append(last - max(span.start, frames.seconds[0]))
            num_frames = len(frames.seconds)
        if self.settings.sound:
            lasting.append(self._add_sound(builder, path, span))
        if min(lasting) < self.settings.min_seconds:
            raise too_short(path, min(lasting), self.settings.min_seconds)
        end = span.start + max(lasting) if span.end is None else span.end
        self._add_facts(builder, segment, span.start, end)
        return builder.serialized(), record_format.Example(
            key=segment.key,
            labels=segment.labels,
            group=segment.group,
            num_frames=num_frames,
            has_sound=self.settings.sound,
        )

    def _add_facts(
        self,
        builder: media_sequence.SequenceExampleBuilder,
        segment: segments.Segment,
        start_seconds: float,
        end_seconds: float,
    ) -> None:
        start = media_sequence.microseconds(start_seconds)
        end = media_sequence.microseconds(end_seconds)
        for key, value in (
            (media_sequence.EXAMPLE_ID, segment.key),
            (media_sequence.DATASET_NAME, self.dataset),
            (media_sequence.DATA_PATH, segment.file),
            (media_sequence.CLIP_START, start),
            (media_sequence.CLIP_END, end),
            (media_sequence.GROUP, segment.group),
            (media_sequence.SPLIT, segment.split),
        ):
            builder.set_context(key, [value])
        for task, indices in segment.labels.items():
            names = [self.class_names[task][index] for index in indices]
            builder.set_labels(task, indices, names)

    def _add_sound(
        self,
        builder: media_sequence.SequenceExampleBuilder,
        path: Path,
        span: _image_encoder.Span,
    ) -> float:
        """Adds waveform and log-mel; returns the seconds that they last."""
        settings = self.settings
        rates = {settings.sample_rate_hz: settings.waveform}
        rates[_vmz_mel.SAMPLE_RATE_HZ] = (
            rates.get(_vmz_mel.SAMPLE_RATE_HZ, False) or settings.log_mel
        )
        sounds = {}
        for rate in [rate for rate, needed in rates.items() if needed]:
            sound = reader.read_audio(
                path,
                start_seconds=span.start,
                end_seconds=span.end,
                sample_rate_hz=rate,
            )
            peak = float(np.abs(sound).max(initial=0.0))
            if peak < SILENCE:
                raise reader.MediaError(
                    "silent", path, f"its peak is {peak:.0e}"
                )
            sounds[rate] = sound
        if settings.waveform:
            builder.set_waveform(
                sounds[settings.sample_rate_hz],
                sample_rate_hz=settings.sample_rate_hz,
                start_seconds=span.start,
            )
        if settings.log_mel:
            builder.set_log_mel(
                _vmz_mel.log_mel(sounds[_vmz_mel.SAMPLE_RATE_HZ]),
                rate_hz=_vmz_mel.ROW_RATE_HZ,
                audio_sample_rate_hz=_vmz_mel.SAMPLE_RATE_HZ,
                start_seconds=span.start,
            )
        return max(len(sound) / rate for rate, sound in sounds.items())


def too_short(
    path: Path, seconds: float, least: float
) -> _image_encoder.UnusableError:
    """Says that there is less of a segment than must be."""
    return _image_encoder.UnusableError(
        "too short",
        f"The segment is too short. Expected at least {least} s. Received: "
        f"{seconds:.3f} s of {str(path)!r}. Correct its times, lower "
        "min_seconds, or leave it out.",
    )


def _span(
    path: Path,
    segment: segments.Segment,
    settings: record_format.RecordSettings,
) -> _image_encoder.Span:
    """Cuts a segment to its file, and checks that the file has the streams."""
    info = reader.probe(path)
    if settings.pictures and not info.has_video:
        raise reader.MediaError("no picture", path)
    if settings.sound and not info.has_audio:
        raise reader.MediaError("no sound", path)
    start = segment.start_seconds or 0.0
    end = math.inf if segment.end_seconds is None else segment.end_seconds
    if settings.max_seconds:
        end = min(end, start + settings.max_seconds)
    if info.duration_seconds and not math.isinf(end):
        end = min(end, info.duration_seconds)
    if end - start < settings.min_seconds:
        raise too_short(path, max(end - start, 0.0), settings.min_seconds)
    return _image_encoder.Span(start, None if math.isinf(end) else end, info)
