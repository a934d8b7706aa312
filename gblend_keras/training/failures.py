"""What stops a run: one sentence each, and what is left in its folder."""

import contextlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from gblend_keras.reporting import writer
from gblend_keras.runs.directory import FAILURE
from gblend_keras.utils import files
from gblend_keras.utils.signals import RunError

FAILURE_FORMAT = 1
KEPT = "What was finished is kept: then repeat the command"

# How TensorFlow says, on a worker, that another one is gone.
_LOST = re.compile(
    r"Collective ops is aborted[^\n]*"
    r"|Additional GRPC error information from remote target[^\n]*"
)

# What names the cause, the surest first: memory, an error of Python inside a
# dataset, a status of TensorFlow, any line.
_CAUSES = (
    re.compile(r"OOM when allocating[^\n]*"),
    re.compile(r"\b\w+(?:Error|Exception): [^\n]+"),
    re.compile(r"\b[A-Z][A-Z_]{3,}: [^\n]+"),
    re.compile(r"\S[^\n]*"),
)


@contextmanager
def explained(workdir: Path, *, batch_size: int) -> Iterator[None]:
    """Turns errors of the machine and of the data into sentences.

    Args:
        workdir: The run directory.
        batch_size: Examples a step, for the message.

    Raises:
        RunError: In place of an error of a disk, a device that is out of
            memory, a dataset that failed while it was read, or another
            worker that has ended.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise RunError(
            "A step does not fit into memory. Expected room for a batch. "
            f"Received: batch_size={batch_size} ({_cause(error)}). "
            "Lower data.batch_size, or the size of examples, such as "
            f"clips.num_frames and clips.crop_size. {KEPT}."
        ) from error
    except tf.errors.DataLossError as error:
        raise RunError(
            "A record is damaged. Expected the bytes that were written. "
            f"Received: {_cause(error)}. Find the shard with "
            "gblend prepare --out=FOLDER --verify, and make it anew. "
            f"{KEPT}."
        ) from error
    except tf.errors.OpError as error:
        lost = _LOST.search(str(error))
        if lost:
            raise RunError(
                "Another worker has ended. Expected all workers to go on. "
                f"Received: {lost.group(0)[:300]}. See its "
                "log, and start all workers again with the same command: "
                "they go on from what was finished."
            ) from error
        if "IteratorGetNext" not in str(error):
            raise
        raise RunError(
            "The data cannot be read on. Expected another batch. "
            f"Received: {_cause(error)}. Correct the data. {KEPT}."
        ) from error
    except OSError as error:
        reason = error.strerror or _cause(error)
        raise RunError(
            f"A file cannot be read or written for the run in {workdir}. "
            f"Expected a disk with room. Received: {reason}"
            f"{f' ({error.filename})' if error.filename else ''}. "
            f"Make room, or make the folder writable. {KEPT}."
        ) from error


@contextmanager
def recorded(workdir: Path) -> Iterator[None]:
    """Leaves `failed.json`, and a page that shows it, where a run fails.

    What an earlier failure left is removed first. A stop that was asked for
    is no failure.

    Args:
        workdir: The run directory, which must be claimed.
    """
    if (workdir / FAILURE).exists():
        (workdir / writer.NAME).unlink(missing_ok=True)
        (workdir / FAILURE).unlink()
    try:
        yield
    except Exception as error:
        record(workdir, type(error).__name__, str(error))
        raise


def record(workdir: Path, error: str, reason: str) -> None:
    """Writes `failed.json` of a run and its page, as far as that goes.

    Args:
        workdir: The run directory.
        error: Name of the exception.
        reason: Its message.
    """
    values = {"format": FAILURE_FORMAT, "error": error, "reason": reason}
    # What failed the run (a full disk, no memory) may fail this, too, and is
    # what the caller has to hear of.
    with contextlib.suppress(Exception):
        files.write_json(workdir / FAILURE, values)
        writer.write_report(workdir)


def read(workdir: Path) -> dict[str, str] | None:
    """Returns `error` and `reason` of a run that failed.

    None where no failure is recorded, or the record is damaged.
    """
    path = workdir / FAILURE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"error": found["error"], "reason": found["reason"]}
    except (ValueError, KeyError, TypeError):
        return None


def _cause(error: BaseException) -> str:
    """Returns the line of a message that says what went wrong.

    TensorFlow puts it among node names, tracebacks and statuses.
    """
    text = str(error)
    for pattern in _CAUSES:
        found = pattern.search(text)
        if found:
            return found.group(0).strip().removesuffix(".")[:300]
    return type(error).__name__
