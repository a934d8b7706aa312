"""Video files as a library of footage, decoded anew each time."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data.clips import footage as clips
from gblend_keras.data.media import reader
from gblend_keras.data.sound import _vmz_mel
from gblend_keras.data.sound import spectrogram
from gblend_keras.data.sound import vmz_picture


@dataclasses.dataclass(frozen=True)
class Span:
    """A part of a video file.

    Attributes:
        path: The file.
        start_seconds: Where the part begins.
        end_seconds: Where it ends.
        frame_rate_hz: Frames a second of the file.
        num_frames: Frames of the part.
    """

    path: str
    start_seconds: float
    end_seconds: float
    frame_rate_hz: float
    num_frames: int


def look_up(
    path: Path,
    start_seconds: float | None,
    end_seconds: float | None,
    *,
    sound: bool,
) -> Span:
    """Looks into a file for the facts that reading a part of it needs.

    Args:
        path: The file.
        start_seconds: Where the part begins; None for the file's start.
        end_seconds: Where it ends; None for the file's end.
        sound: Whether the sound will be wanted.

    Raises:
        MediaError: If the file cannot be read, or lacks a picture or sound.
    """
    info = reader.probe(path)
    if not info.has_video:
        raise reader.MediaError("no picture", path)
    if sound and not info.has_audio:
        raise reader.MediaError("no sound", path)
    start = start_seconds or 0.0
    end = info.duration_seconds if end_seconds is None else end_seconds
    return Span(
        path=str(path),
        start_seconds=start,
        end_seconds=end,
        frame_rate_hz=info.frame_rate_hz,
        num_frames=max(round((end - start) * info.frame_rate_hz), 1),
    )


class VideoLibrary:
    """Video files, or parts of them, that are decoded when they are read.

    For small sets: each clip costs its decoding each time. Gives frames and
    sound; optical flow comes from records alone.

    Args:
        spans: The videos, by row number.
        short_side: Frames are scaled to this when they are decoded; at least
            what clips are cut at.

    Example:
        >>> from pathlib import Path
        >>> import tensorflow as tf
        >>> from gblend_keras.data import clips
        >>> from gblend_keras.data.clips import video_library
        >>> path = Path("videos/v00.mp4")
        >>> span = video_library.look_up(path, 0.0, 2.0, sound=False)
        >>> library = clips.VideoLibrary([span], short_side=36)
        >>> library.footage(tf.constant(0)).frames(tf.constant([0, 2])).shape
        TensorShape([2, 36, 48, 3])
    """

    def __init__(self, spans: Sequence[Span], *, short_side: int) -> None:
        self._spans = list(spans)
        self._short_side = short_side

    def read(self, rows: tf.Tensor, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Gives `(row, row)`, in the order that `footage.Library` says."""
        if seed is not None:
            rows = tf.random.experimental.stateless_shuffle(rows, seed)
        return tf.data.Dataset.from_tensor_slices((rows, rows))

    def footage(self, item: tf.Tensor) -> clips.Footage:
        """Returns the footage of a row; nothing is decoded yet."""
        return FileFootage(self._spans, item, self._short_side)


class FileFootage:
    """The footage of one video file."""

    def __init__(
        self, spans: Sequence[Span], row: tf.Tensor, short_side: int
    ) -> None:
        self._spans = spans
        self._row = row
        self._short_side = short_side

    @property
    def num_frames(self) -> tf.Tensor:
        """How many frames the part has."""
        counts = tf.constant([span.num_frames for span in self._spans])
        return counts[self._row]

    def frames(self, indices: tf.Tensor) -> tf.Tensor:
        """Decodes these frames, which are ascending, `(T, H, W, 3)` uint8."""

        def decode(
            row: np.int64, wanted: npt.NDArray[np.int32]
        ) -> npt.NDArray[np.uint8]:
            span = self._spans[int(row)]
            # Evenly spaced up to the video's end, where the last one repeats.
            steps = np.diff(wanted)
            stride = int(steps[0]) if len(steps) else 1
            regular = 1 + int(np.argmin(np.append(steps == stride, False)))
            read = reader.read_clip(
                span.path,
                start_seconds=span.start_seconds
                + wanted[0] / span.frame_rate_hz,
                num_frames=regular if stride else 1,
                stride=max(stride, 1),
                short_side=self._short_side,
            ).images
            places = np.minimum(np.arange(len(wanted)), len(read) - 1)
            return read[places]

        frames = tf.numpy_function(
            decode, (self._row, indices), tf.uint8, stateful=False
        )
        return tf.ensure_shape(frames, (None, None, None, 3))

    def flow(self, indices: tf.Tensor) -> tf.Tensor:
        """Raises: no flow is computed on the fly."""
        raise ValueError(
            "`data.modalities` has 'flow', which video files do not hold. "
            "Expected 'rgb' or 'audio'. Received: dataset='videos'. "
            "Make records with --flow, and use dataset='records'."
        )

    def log_mel(self) -> tf.Tensor:
        """Computes the rows of the whole part."""
        return vmz_picture.vmz_log_mel(self._sound(_vmz_mel.SAMPLE_RATE_HZ))

    def waveform(self) -> tf.Tensor:
        """Decodes the sound of the whole part, 24 kHz."""
        return self._sound(spectrogram.EPIC_SAMPLE_RATE_HZ)

    def seconds(self, index: tf.Tensor) -> tf.Tensor:
        """Returns when a frame is shown, from the part's start."""
        rates = tf.constant([span.frame_rate_hz for span in self._spans])
        return tf.cast(index, tf.float32) / rates[self._row]

    def _sound(self, sample_rate_hz: int) -> tf.Tensor:
        def decode(row: np.int64) -> npt.NDArray[np.float32]:
            span = self._spans[int(row)]
            return reader.read_audio(
                span.path,
                start_seconds=span.start_seconds,
                end_seconds=span.end_seconds,
                sample_rate_hz=sample_rate_hz,
            )

        waveform = tf.numpy_function(
            decode, (self._row,), tf.float32, stateful=False
        )
        return tf.ensure_shape(waveform, (None,))
