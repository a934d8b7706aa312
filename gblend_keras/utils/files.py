"""Files that appear whole or not at all."""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import TypeVar

Value = TypeVar("Value")

_PARTIAL = ".partial-"


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, suffix: str | None = None
) -> Iterator[Path]:
    """Gives a path beside `path` to write; renames it over `path` at the end.

    Whoever reads `path` sees the old file or the new one, never half of one.
    When the body raises, the new file is removed and the old one stays.

    Args:
        path: The file that should appear. Its folder is made when missing.
        suffix: End of the name to write to, for writers that look at it.
            None: that of `path`.

    Yields:
        The path to write to, in the same folder.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=_PARTIAL,
        suffix=target.suffix if suffix is None else suffix,
        dir=target.parent,
    )
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)  # the one way to read it
        os.umask(mask)
        beside.chmod(0o666 & ~mask)  # mkstemp makes files private
        beside.replace(target)
        _sync_folder(target.parent)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(folder: Path, *, argument: str) -> None:
    """Raises unless files can be made in a folder; makes it when missing.

    For what is written after long work. See `writing_into`.
    """
    with (
        writing_into(folder, argument=argument),
        tempfile.TemporaryFile(dir=folder),
    ):
        pass


@contextmanager
def writing_into(folder: Path, *, argument: str) -> Iterator[None]:
    """Makes a folder when missing; says it when it cannot be written.

    Args:
        folder: The folder.
        argument: What the user named it with, for the message.

    Raises:
        ValueError: In place of an `OSError` of the body.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ValueError(
            f"`{argument}` cannot be written: {folder}. Expected a folder "
            f"where files can be made. Received: {error.strerror}. "
            "Choose another folder."
        ) from error


@contextmanager
def partial_folder(place: Path) -> Iterator[Path]:
    """Gives a folder to prepare files in; removes what is left in it.

    Args:
        place: The folder where the files should appear, by renaming. It is
            made when missing.
    """
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=place) as folder:
        yield Path(folder)


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the checksum of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_partial(folder: Path) -> None:
    """Removes what killed processes left half written in a folder.

    Only for a folder that no other process is writing to.
    """
    for path in folder.glob(f"{_PARTIAL}*"):
        path.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text file whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a JSON file whole or not at all; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text(path, text + "\n")


def read_json(
    path: Path, kind: type[Value], *, expected: str, advice: str
) -> Value:
    """Reads a JSON file.

    Args:
        path: The file.
        kind: What it must hold: `dict` or `list`.
        expected: What the file is, for the message.
        advice: What to do where it is not; the last sentence of the message.

    Raises:
        ValueError: If it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read. Expected {expected}. "
            f"Received: {type(error).__name__}: {error}. {advice}"
        ) from error
    if not isinstance(found, kind):
        raise ValueError(
            f"{path} is damaged. Expected {expected}, a {kind.__name__}. "
            f"Received: a {type(found).__name__}. {advice}"
        )
    return found


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Reads the rows of a CSV file with a header; none when it is not there."""
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _sync_folder(folder: Path) -> None:
    """Puts a rename on the disk: it else may not outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems cannot; the file itself is safe
        pass
    finally:
        os.close(handle)
