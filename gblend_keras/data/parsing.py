"""Records back into tensors, eagerly and inside tf.data."""

from collections.abc import Sequence

import tensorflow as tf

from gblend_keras.data import record_types
from gblend_keras.data import sequence_examples as keys


def parse_example(
    serialized: tf.Tensor,
    settings: record_types.RecordSettings,
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
        "key": context[keys.EXAMPLE_ID],
        "group": context[keys.GROUP],
        "start_seconds": _seconds(context[keys.CLIP_START]),
        "end_seconds": _seconds(context[keys.CLIP_END]),
    }
    for task in tasks:
        parsed[f"labels/{task}"] = context[_label_key(task)]
    if settings.frames:
        parsed["frames"] = steps[keys.IMAGE_ENCODED]
        parsed["frame_seconds"] = _seconds(steps[keys.IMAGE_TIMESTAMP])
    if settings.flow:
        parsed["flow"] = steps[_flow(keys.IMAGE_ENCODED)]
        parsed["flow_seconds"] = _seconds(steps[_flow(keys.IMAGE_TIMESTAMP)])
        parsed["flow_bound"] = context[_flow(keys.IMAGE_SATURATION)]
    if settings.waveform:
        parsed["waveform"] = tf.sparse.to_dense(steps[_WAVE])[0]
        parsed["sample_rate_hz"] = context[_RATE]
    if settings.log_mel:
        parsed["log_mel"] = steps[_LOG_MEL]
    return parsed


_WAVE = keys.key_of(keys.FEATURE_FLOATS, keys.WAVEFORM)
_RATE = keys.key_of(keys.FEATURE_SAMPLE_RATE, keys.WAVEFORM)
_LOG_MEL = keys.key_of(keys.FEATURE_FLOATS, keys.LOG_MEL)
_NUM_MEL_BINS = 40  # of VMZ's log-mel energies


def _flow(key: str) -> str:
    return keys.key_of(key, keys.FLOW)


def _label_key(task: str) -> str:
    return keys.key_of(keys.LABEL_INDEX, keys.task_prefix(task))


def _context_features(
    settings: record_types.RecordSettings, tasks: Sequence[str]
) -> dict[str, object]:
    features: dict[str, object] = {
        keys.EXAMPLE_ID: tf.io.FixedLenFeature([], tf.string),
        keys.GROUP: tf.io.FixedLenFeature([], tf.string),
        keys.CLIP_START: tf.io.FixedLenFeature([], tf.int64),
        keys.CLIP_END: tf.io.FixedLenFeature([], tf.int64),
    }
    for task in tasks:
        features[_label_key(task)] = tf.io.RaggedFeature(tf.int64)
    if settings.flow:
        features[_flow(keys.IMAGE_SATURATION)] = tf.io.FixedLenFeature(
            [], tf.float32
        )
    if settings.waveform:
        features[_RATE] = tf.io.FixedLenFeature([], tf.float32)
    return features


def _step_features(
    settings: record_types.RecordSettings,
) -> dict[str, object]:
    features: dict[str, object] = {}
    prefixes = [""] * settings.frames + [keys.FLOW] * bool(settings.flow)
    for prefix in prefixes:
        images = keys.key_of(keys.IMAGE_ENCODED, prefix)
        times = keys.key_of(keys.IMAGE_TIMESTAMP, prefix)
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
