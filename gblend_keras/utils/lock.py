"""A lock that one process holds at a time, and that ends with the process.

Not the package filelock: where a file system cannot lock, that falls back to a
file which outlives a killed run and shuts out the one that takes it up again;
and versions before 4 empty the file that names the holder.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from absl import logging


class InUseError(Exception):
    """Another process holds the lock; the message names that process."""


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds the lock of a file; the file is there as long as it is held.

    A process that is killed holds nothing any more. Where the file system
    cannot lock, a warning says so and nothing is held.

    Args:
        path: The file; its folder is there. It names the process that holds
            the lock.
        wait: Wait for a process that holds it, instead of raising.

    Raises:
        InUseError: If another process holds it.
        OSError: If the file cannot be made.
    """
    handle = _locked(path, wait)
    try:
        yield
    finally:
        # Removed while it is still held: whoever opened it meanwhile sees
        # that it is no longer the lock, and tries again.
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path, wait: bool) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise InUseError(holder or "a process") from error
        except OSError as error:  # some network file systems
            logging.warning(
                "%s cannot be locked (%s): see to it that no other run uses "
                "it.",
                path.parent,
                error.strerror,
            )
        if _is_still(path, handle):
            os.truncate(handle, 0)
            host = socket.gethostname() or "this machine"
            os.write(handle, f"process {os.getpid()} on {host}".encode())
            return handle
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Says if the open file is the one that has this path."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(handle))
