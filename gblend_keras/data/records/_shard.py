"""Segments -> one shard: what a worker process does, without TensorFlow."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from gblend_keras.data.annotations import segments
from gblend_keras.data.media import reader
from gblend_keras.data.records import _image_encoder
from gblend_keras.data.records import _segment_encoder
from gblend_keras.data.records import _tfrecord
from gblend_keras.data.records.record_format import Example
from gblend_keras.data.records.record_format import Failure
from gblend_keras.data.records.record_format import Shard
from gblend_keras.utils import files


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """One shard to make.

    Attributes:
        path: The file to write.
        encoder: Turns a segment into a record.
        segments: What belongs into the shard, in order.
        crashes: Segment key -> message: those that ended a process before.
            They are not tried again.
    """

    path: Path
    encoder: _segment_encoder.Encoder
    segments: tuple[segments.Segment, ...]
    crashes: Mapping[str, str] = dataclasses.field(default_factory=dict)


def make_shard(task: ShardTask, report: Callable[[str], None]) -> Shard:
    """Writes a shard, whole or not at all.

    The bytes depend on the segments, their files and the settings alone.

    Args:
        task: What to write.
        report: Called with the key of each segment before it is decoded.

    Returns:
        What the shard holds, and which segments it lacks.

    Raises:
        OSError: If the shard cannot be written.
    """
    examples: list[Example] = []
    failures: list[Failure] = []
    with files.replacing(task.path) as beside:
        with _tfrecord.RecordWriter(beside) as writer:
            for segment in task.segments:
                report(segment.key)
                outcome = _encoded(task, segment)
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                    continue
                record, example = outcome
                writer.write(record)
                examples.append(example)
    return Shard(
        file=task.path.name,
        num_bytes=writer.num_bytes,
        sha256=writer.sha256,
        examples=tuple(examples),
        failures=tuple(failures),
    )


def set_up_process() -> None:
    """Makes a worker process take one thread: the workers share."""
    _image_encoder.opencv().setNumThreads(1)


def _encoded(
    task: ShardTask, segment: segments.Segment
) -> tuple[bytes, Example] | Failure:
    """Encodes a segment, or says why that cannot be done.

    One bad file among a million must not end the run, whatever it does to the
    decoder: hence every exception is caught, and listed by its type.
    """
    if segment.key in task.crashes:
        return _failure(segment, "crash", task.crashes[segment.key])
    try:
        return task.encoder.encode(segment)
    except (reader.MediaError, _image_encoder.UnusableError) as error:
        return _failure(segment, error.reason, str(error))
    except ImportError:
        raise  # concerns every segment
    except Exception as error:
        return _failure(segment, "error", f"{type(error).__name__}: {error}")


def _failure(segment: segments.Segment, reason: str, message: str) -> Failure:
    return Failure(
        key=segment.key,
        file=segment.file,
        reason=reason,
        message=message,
        where=segment.where,
        split=segment.split,
    )
