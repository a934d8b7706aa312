"""Arrays that took time to make, kept in the user's cache folder."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
from absl import logging

from gblend_keras.data import example_set
from gblend_keras.data import npz

_DIGEST = "digest"  # the name, inside a file, of the checksum of its arrays


def kept(
    name: str,
    *,
    key: str,
    make: Callable[[], dict[str, example_set.Array]],
    cache_dir: str | Path | None = None,
) -> dict[str, example_set.Array]:
    """Returns what `make` makes, from the cache when it was made before.

    A file is believed only when the checksum inside it fits its arrays and
    the key; else `make` runs again and the file is replaced. It appears whole
    or not at all, so processes that make it at once do not harm each other.
    The cache only saves time: where the folder cannot be written, a warning is
    logged and the arrays are returned all the same.

    Args:
        name: Begins the file's name.
        key: Names everything that the arrays depend on.
        make: Makes the arrays: `{name: array}`, none named "digest".
        cache_dir: The folder; None is that of `folder`.

    Returns:
        `{name: array}`.
    """
    path = None
    try:
        place = folder() if cache_dir is None else Path(cache_dir).expanduser()
        of_key = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = place / f"{name}-{of_key}.npz"
    except RuntimeError as error:  # `~`, and nobody knows where home is
        _log_not_kept(name, error)
    values = None if path is None else _read(path, key)
    if values is None:
        logging.info("Making %s (once, some seconds): %s", name, path)
        values = make()
        if path is not None:
            digest = np.array(_digest(key, values))
            try:
                npz.write_npz(path, {**values, _DIGEST: digest})
            except OSError as error:
                _log_not_kept(path.name, error)
    return values


def folder() -> Path:
    """Returns the cache folder that the environment asks for.

    `GBLEND_CACHE`, else `gblend_keras` in the system's folder of caches: on
    Linux `XDG_CACHE_HOME` or `~/.cache`. Where the system has another one,
    `~/.cache/gblend_keras` is used all the same if it is there.

    Raises:
        RuntimeError: If none is set and there is no home folder either.
    """
    own = os.environ.get("GBLEND_CACHE")
    if own:
        return Path(own).expanduser()
    found = platformdirs.user_cache_path("gblend_keras", appauthor=False)
    earlier = Path.home() / ".cache" / "gblend_keras"
    if os.environ.get("XDG_CACHE_HOME") or not earlier.is_dir():
        return found
    return earlier


def _digest(key: str, values: dict[str, example_set.Array]) -> str:
    digest = hashlib.sha256(key.encode())
    for name, array in sorted(values.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(path: Path, key: str) -> dict[str, example_set.Array] | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream, np.load(stream) as archive:  # no pickle
            values = {name: archive[name] for name in archive.files}
        digest = str(values.pop(_DIGEST))
    except Exception as error:  # Damage shows in any way: zip, npy, memory.
        logging.warning("%s is damaged and is made again: %s", path, error)
        return None
    if digest != _digest(key, values):
        logging.warning("%s is damaged and is made again: checksum", path)
        return None
    return values


def _log_not_kept(name: str, error: Exception) -> None:
    logging.warning(
        "%s is not kept and is made again each time: %s. "
        "Set GBLEND_CACHE to a folder that can be written.",
        name,
        error,
    )
