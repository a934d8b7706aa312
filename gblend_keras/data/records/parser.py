"""Records back into tensors, eagerly and inside tf.data."""

from collections.abc import Sequence

import tensorflow as tf

from gblend_keras.data.records import media_sequence
from gblend_keras.data.records import record_format


def parse_example(
    serialized: tf.Tensor,
    settings: record_format.RecordSettings,
    *,
    tasks: Sequence[str] = ("label",),
) -> dict[str, tf.Tensor]:
    """Parses one record into what the settings say it holds.

    Images stay encoded, so that a reader decodes only those of its clip:
    `tf.io.decode_jpeg`; the first two channels of a flow image are x and y.

    Args:
        serialized: Scalar string, a record.
        settings: Of the folder: `read_index(folder).settings`.
        tasks: Whose labels are wanted.

    Returns:
        Always: "key", "group" (strings), "start_seconds", "end_seconds"
        (float64) and, for every task, "labels/<task>" `(classes,)` int64.
        With frames: "frames" `(T,)` strings, "frame_seconds" `(T,)` float64.
        With flow: "flow" and "flow_seconds", likewise, and "flow_bound", the
        pixels a frame that black and white stand for.
        With a waveform: "waveform" `(samples,)` and "sample_rate_hz".
        With log-mel: "log_mel" `(rows, 40)`, 100 rows a second.

    Raises:
        ValueError: If `tasks` is a string.
        tf.errors.InvalidArgumentError: If the bytes are no such record.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import records
        >>> folder = records.read_index("records")
        >>> path = str(folder.paths("train")[0])
        >>> record = next(iter(tf.data.TFRecordDataset(path)))
        >>> parsed = records.parse_example(record, folder.settings)
        >>> parsed["frames"].shape, parsed["log_mel"].shape
        (TensorShape([30]), TensorShape([300, 40]))
    """
    if isinstance(tasks, str):
        raise ValueError(
            "`tasks` is one string. Expected a sequence of names. "
            f"Received: tasks={tasks!r}. Write ({tasks!r},)."
        )
    context, steps = tf.io.parse_single_sequence_example(
        serialized,
        context_features=_context_features(settings, tasks),
        sequence_features=_step_features(settings),
    )
    parsed = {
        "key": context[media_sequence.EXAMPLE_ID],
        "group": context[media_sequence.GROUP],
        "start_seconds": _seconds(context[media_sequence.CLIP_START]),
        "end_seconds": _seconds(context[media_sequence.CLIP_END]),
    }
    for task in tasks:
        parsed[f"labels/{task}"] = context[_label_key(task)]
    if settings.frames:
        parsed["frames"] = steps[media_sequence.IMAGE_ENCODED]
        parsed["frame_seconds"] = _seconds(
            steps[media_sequence.IMAGE_TIMESTAMP]
        )
    if settings.flow:
        parsed["flow"] = steps[_flow(media_sequence.IMAGE_ENCODED)]
        parsed["flow_seconds"] = _seconds(
            steps[_flow(media_sequence.IMAGE_TIMESTAMP)]
        )
        parsed["flow_bound"] = context[_flow(media_sequence.IMAGE_SATURATION)]
    if settings.waveform:
        parsed["waveform"] = tf.sparse.to_dense(steps[_WAVE])[0]
        parsed["sample_rate_hz"] = context[_RATE]
    if settings.log_mel:
        parsed["log_mel"] = steps[_LOG_MEL]
    return parsed


_WAVE = media_sequence.key_of(
    media_sequence.FEATURE_FLOATS, media_sequence.WAVEFORM
)
_RATE = media_sequence.key_of(
    media_sequence.FEATURE_SAMPLE_RATE, media_sequence.WAVEFORM
)
_LOG_MEL = media_sequence.key_of(
    media_sequence.FEATURE_FLOATS, media_sequence.LOG_MEL
)
_NUM_MEL_BINS = 40  # of VMZ's log-mel energies


def _flow(key: str) -> str:
    return media_sequence.key_of(key, media_sequence.FLOW)


def _label_key(task: str) -> str:
    return media_sequence.key_of(
        media_sequence.LABEL_INDEX, media_sequence.task_prefix(task)
    )


def _context_features(
    settings: record_format.RecordSettings, tasks: Sequence[str]
) -> dict[str, object]:
    features: dict[str, object] = {
        media_sequence.EXAMPLE_ID: tf.io.FixedLenFeature([], tf.string),
        media_sequence.GROUP: tf.io.FixedLenFeature([], tf.string),
        media_sequence.CLIP_START: tf.io.FixedLenFeature([], tf.int64),
        media_sequence.CLIP_END: tf.io.FixedLenFeature([], tf.int64),
    }
    for task in tasks:
        features[_label_key(task)] = tf.io.RaggedFeature(tf.int64)
    if settings.flow:
        features[_flow(media_sequence.IMAGE_SATURATION)] = (
            tf.io.FixedLenFeature([], tf.float32)
        )
    if settings.waveform:
        features[_RATE] = tf.io.FixedLenFeature([], tf.float32)
    return features


def _step_features(
    settings: record_format.RecordSettings,
) -> dict[str, object]:
    features: dict[str, object] = {}
    prefixes = [""] * settings.frames + [media_sequence.FLOW] * bool(
        settings.flow
    )
    for prefix in prefixes:
        images = media_sequence.key_of(media_sequence.IMAGE_ENCODED, prefix)
        times = media_sequence.key_of(media_sequence.IMAGE_TIMESTAMP, prefix)
        features[images] = _steps([], tf.string)
        features[times] = _steps([], tf.int64)
    if settings.waveform:  # one step of any length
        features[_WAVE] = tf.io.VarLenFeature(tf.float32)
    if settings.log_mel:
        features[_LOG_MEL] = _steps([_NUM_MEL_BINS], tf.float32)
    return features


def _steps(shape: list[int], dtype: tf.DType) -> object:
    return tf.io.FixedLenSequenceFeature(shape, dtype)


def _seconds(microseconds: tf.Tensor) -> tf.Tensor:
    return tf.cast(microseconds, tf.float64) / 1_000_000
