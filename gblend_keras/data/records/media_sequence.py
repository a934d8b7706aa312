"""SequenceExamples under MediaSequence's keys, made without TensorFlow.

MediaSequence is MediaPipe's convention of where a SequenceExample keeps
frames, sound, features, times and labels, so that readers of one project can
read the records of another. Times are in microseconds since the file's start.

Source: MediaPipe, `mediapipe/util/sequence` (README.md, media_sequence.py).
Ours: the keys that begin with "gblend/", for which it has no place.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras.data.records import _example_message

EXAMPLE_ID = "example/id"
DATASET_NAME = "example/dataset_name"
DATA_PATH = "clip/data_path"
CLIP_START = "clip/start/timestamp"
CLIP_END = "clip/end/timestamp"
LABEL_INDEX = "clip/label/index"
LABEL_STRING = "clip/label/string"
IMAGE_ENCODED = "image/encoded"
IMAGE_TIMESTAMP = "image/timestamp"
IMAGE_FORMAT = "image/format"
IMAGE_CHANNELS = "image/channels"
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"
IMAGE_FRAME_RATE = "image/frame_rate"
IMAGE_SATURATION = "image/saturation"
FEATURE_FLOATS = "feature/floats"
FEATURE_TIMESTAMP = "feature/timestamp"
FEATURE_DIMENSIONS = "feature/dimensions"
FEATURE_SAMPLE_RATE = "feature/sample_rate"
FEATURE_NUM_CHANNELS = "feature/num_channels"
FEATURE_NUM_SAMPLES = "feature/num_samples"
FEATURE_AUDIO_SAMPLE_RATE = "feature/audio_sample_rate"
FLOW = "FORWARD_FLOW"  # prefixes
WAVEFORM = "WAVEFORM"
LOG_MEL = "AUDIO"
GROUP = "gblend/group"  # ours
SPLIT = "gblend/split"  # ours

Value = str | bytes | int | float


@dataclasses.dataclass(frozen=True)
class Images:
    """Encoded images of one kind.

    Attributes:
        encoded: One file a frame, JPEG.
        seconds: When each is shown, since the file's start.
        height: Of each image, in pixels.
        width: Of each image, in pixels.
        frame_rate_hz: Images in a second.
        saturation: Flow: the speed, in pixels a frame, that full black and
            white stand for; None for pictures.
    """

    encoded: Sequence[bytes]
    seconds: Sequence[float]
    height: int
    width: int
    frame_rate_hz: float
    saturation: float | None = None


def key_of(key: str, prefix: str = "") -> str:
    """Returns a key with MediaSequence's prefix for one kind of data."""
    return f"{prefix}/{key}" if prefix else key


def task_prefix(task: str) -> str:
    """Returns the prefix of a task's labels: none for the task "label"."""
    return "" if task == "label" else task.upper()


def microseconds(seconds: float) -> int:
    """Returns a time as MediaSequence keeps it."""
    return round(seconds * 1_000_000)


class SequenceExampleBuilder:
    """Collects what one SequenceExample holds.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.data import records
        >>> builder = records.SequenceExampleBuilder()
        >>> builder.set_labels("label", [1], ["walk"])
        >>> silence = np.zeros(160, np.float32)
        >>> builder.set_waveform(
        ...     silence, sample_rate_hz=16000, start_seconds=0.0
        ... )
        >>> type(builder.serialized())  # a record of a TFRecord file
        <class 'bytes'>
    """

    def __init__(self) -> None:
        self._message = _example_message.message_class()()

    def set_context(self, key: str, values: Sequence[Value]) -> None:
        """Sets values that hold for the whole example."""
        _fill(self._message.context.feature[key], values)

    def set_labels(
        self, task: str, indices: Sequence[int], names: Sequence[str]
    ) -> None:
        """Sets the classes of a task, by index and by name."""
        prefix = task_prefix(task)
        self.set_context(key_of(LABEL_INDEX, prefix), indices)
        self.set_context(key_of(LABEL_STRING, prefix), names)

    def set_images(self, images: Images, prefix: str = "") -> None:
        """Sets frames, or the flow between them."""
        context: dict[str, Value] = {
            IMAGE_FORMAT: "JPEG",
            IMAGE_CHANNELS: 3,
            IMAGE_HEIGHT: images.height,
            IMAGE_WIDTH: images.width,
            IMAGE_FRAME_RATE: float(images.frame_rate_hz),
        }
        if images.saturation is not None:
            context[IMAGE_SATURATION] = float(images.saturation)
        for key, value in context.items():
            self.set_context(key_of(key, prefix), [value])
        self._set_steps(
            key_of(IMAGE_ENCODED, prefix), [[each] for each in images.encoded]
        )
        self._set_steps(
            key_of(IMAGE_TIMESTAMP, prefix),
            [[microseconds(each)] for each in images.seconds],
        )

    def set_waveform(
        self,
        waveform: npt.NDArray[np.float32],
        *,
        sample_rate_hz: float,
        start_seconds: float,
    ) -> None:
        """Sets the sound `(samples,)` as one step that holds all samples."""
        for key, value in (
            (FEATURE_SAMPLE_RATE, float(sample_rate_hz)),
            (FEATURE_NUM_CHANNELS, 1),
            (FEATURE_NUM_SAMPLES, len(waveform)),
            (FEATURE_DIMENSIONS, len(waveform)),
        ):
            self.set_context(key_of(key, WAVEFORM), [value])
        self._set_steps(key_of(FEATURE_FLOATS, WAVEFORM), [waveform])
        self._set_steps(
            key_of(FEATURE_TIMESTAMP, WAVEFORM), [[microseconds(start_seconds)]]
        )

    def set_log_mel(
        self,
        log_mel: npt.NDArray[np.float32],
        *,
        rate_hz: float,
        audio_sample_rate_hz: float,
        start_seconds: float,
    ) -> None:
        """Sets log-mel energies `(rows, mel_bins)`, a step a row."""
        for key, value in (
            (FEATURE_SAMPLE_RATE, float(rate_hz)),
            (FEATURE_AUDIO_SAMPLE_RATE, float(audio_sample_rate_hz)),
            (FEATURE_NUM_CHANNELS, 1),
            (FEATURE_NUM_SAMPLES, 1),
            (FEATURE_DIMENSIONS, log_mel.shape[1]),
        ):
            self.set_context(key_of(key, LOG_MEL), [value])
        self._set_steps(key_of(FEATURE_FLOATS, LOG_MEL), log_mel)
        self._set_steps(
            key_of(FEATURE_TIMESTAMP, LOG_MEL),
            [
                [microseconds(start_seconds + row / rate_hz)]
                for row in range(len(log_mel))
            ],
        )

    def serialized(self) -> bytes:
        """Returns the example as bytes, the same for the same content."""
        data: bytes = self._message.SerializeToString(deterministic=True)
        return data

    def _set_steps(self, key: str, steps: Any) -> None:
        features = self._message.feature_lists.feature_list[key].feature
        for values in steps:
            _fill(features.add(), values)


def _fill(feature: Any, values: Any) -> None:
    """Puts values of one kind into a Feature; none are kept as no integers."""
    if isinstance(values, np.ndarray):
        feature.float_list.value.extend(values.tolist())
        return
    first = values[0] if len(values) else 0
    if isinstance(first, str):
        feature.bytes_list.value.extend(each.encode() for each in values)
    elif isinstance(first, bytes):
        feature.bytes_list.value.extend(values)
    elif isinstance(first, float):
        feature.float_list.value.extend(values)
    else:
        feature.int64_list.value.extend(values)
        feature.int64_list.SetInParent()
