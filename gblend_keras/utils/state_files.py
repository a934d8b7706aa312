"""Arrays and what they are, in one file with checksums.

A state file is a zip archive, not compressed: one member an array, its bytes
as they are in memory, and `meta.json`. The archive holds a CRC-32 of every
member, so damage is found when an array is read. `unzip -t FILE` checks one.
"""

import json
import zipfile
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras.utils import files
from gblend_keras.utils import signals

FORMAT = 1
SUFFIX = ".state.zip"
_META = "meta.json"

Array = npt.NDArray[Any]


class DamagedError(ValueError):
    """A state file that is cut short, or altered, or no state file."""


class State:
    """An open state file.

    Attributes:
        meta: What was written as `meta`.
        names: Names of the arrays, in the order in which they were written.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        with _damage(path):
            found = json.loads(archive.read(_META))
            self._format = found["format"]
        if self._format != FORMAT:
            raise ValueError(
                f"{path} has another format. Expected {FORMAT}. "
                f"Received: format={self._format}. "
                "Use the version that wrote it, or start in a new folder."
            )
        with _damage(path):
            self.meta: dict[str, Any] = found["meta"]
            self._arrays = {each["name"]: each for each in found["arrays"]}
        self.names = list(self._arrays)

    def kind(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Returns the type and the shape of an array, unread."""
        entry = self._arrays[name]
        return entry["dtype"], tuple(entry["shape"])

    def array(self, name: str) -> Array:
        """Reads one array.

        Raises:
            DamagedError: If its checksum does not fit.
        """
        with _damage(self._path):
            entry = self._arrays[name]
            raw = self._archive.read(name)
            flat: Array = np.frombuffer(raw, np.dtype(entry["dtype"]))
            return flat.reshape(entry["shape"])


@contextmanager
def reading(path: Path) -> Iterator[State]:
    """Opens a state file.

    Args:
        path: The file.

    Yields:
        What reads its arrays, one by one.

    Raises:
        DamagedError: If it is no whole state file. Damage to an array shows
            when it is read.
        ValueError: If it has another format.
        FileNotFoundError: If it is not there.
    """
    with path.open("rb") as stream:
        with _damage(path):
            archive = zipfile.ZipFile(stream)
        with archive:
            yield State(path, archive)


def write(
    path: Path,
    meta: Mapping[str, Any],
    arrays: Iterable[tuple[str, Array]],
) -> None:
    """Writes a state file, whole or not at all.

    The arrays are taken one at a time, so that a copy of all is never needed.
    A signal to stop waits until the file is written.

    Args:
        path: The file.
        meta: Plain values.
        arrays: (name, array) of each.
    """
    entries = []
    with signals.held_back(), files.replacing(path) as beside:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays:
                whole = np.ascontiguousarray(array)
                entries.append(
                    {
                        "name": name,
                        "dtype": whole.dtype.name,
                        "shape": list(array.shape),
                    }
                )
                # Fixed dates: equal states are equal files.
                info = zipfile.ZipInfo(name)
                with archive.open(info, "w", force_zip64=True) as member:
                    member.write(whole.reshape(-1).view(np.uint8).data)
            text = {"format": FORMAT, "meta": dict(meta), "arrays": entries}
            info = zipfile.ZipInfo(_META)
            archive.writestr(info, json.dumps(text, allow_nan=False))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turns whatever damage shows as into one error."""
    try:
        yield
    except Exception as error:  # zip, JSON, encoding, memory: any of them
        raise DamagedError(
            f"{path} is damaged. Expected a whole state file. "
            f"Received: {type(error).__name__}: {error}. Remove the file."
        ) from error
