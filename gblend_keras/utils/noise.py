"""TensorFlow's own lines, left out of what a process prints while it loads."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # environment: 0 says everything, 3 nothing
_LOUD = ("", "0", "1", "2")
_SECONDS = 5.0  # to pass on what is left

# What the C++ parts print whatever the level: first the pattern of a line.
_PATTERN = (
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IWE]\d{4,} .*\] "
    r"|INFO: Created TensorFlow Lite "
)
# A program: a thread could not pass on the last line of a process that aborts.
_FILTER = """
import re
import sys

noise = re.compile(sys.argv[1].encode())
for line in iter(sys.stdin.buffer.readline, b""):
    if line.strip() and not noise.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def is_unwanted() -> bool:
    """Returns whether the environment asks TensorFlow to be silent."""
    return os.environ.get(LEVEL, "") not in _LOUD


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leaves TensorFlow's own lines out of standard error, and no others.

    Where the environment does not ask for silence nothing is done. All other
    lines are passed on at once, by a process of its own: what a process says
    before it dies is seen, too. For the time in which TensorFlow loads, not
    for training: progress bars are no lines.

    Example:
        >>> with left_out():
        ...     import tensorflow
    """
    if not is_unwanted():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    reader = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FILTER, _PATTERN],
        stdin=subprocess.PIPE,
        stdout=kept,
        start_new_session=True,  # Ctrl-C is for us; it ends when we do
    )
    os.dup2(reader.stdin.fileno(), 2)  # type: ignore[union-attr]
    reader.stdin.close()  # type: ignore[union-attr]
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        try:
            reader.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            # A process that was started meanwhile holds the pipe open, and
            # is read until it ends.
            threading.Thread(target=reader.wait, daemon=True).start()
