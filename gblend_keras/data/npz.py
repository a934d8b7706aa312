"""Sets of arrays in `.npz` files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras.data import example_set
from gblend_keras.utils import files

# Names of a user's .npz that are not modalities.
RESERVED = ("y", "split", "group", "sample_weight")
SPLITS = ("train", "validation", "test")


def read_npz(path: str | Path) -> dict[str, example_set.Array]:
    """Reads every array of a `.npz` file, without pickle.

    Args:
        path: A file that `numpy.savez` wrote.

    Returns:
        `{name: array}`.

    Raises:
        ValueError: If the file is missing, damaged, not a `.npz`, or holds
            Python objects.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> path = tempfile.mkdtemp() + "/mine.npz"
        >>> np.savez(path, pose=np.zeros((4, 6)), y=np.array([0, 1, 0, 1]))
        >>> stored = gb.data.read_npz(path)
        >>> stored["pose"].shape
        (4, 6)
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(
            f"{file} is not there. Expected a .npz file. "
            "Received: a path without a file. Check `data_dir` or `data.path`."
        )
    try:
        # Opened here: numpy leaves the file open when the archive is damaged.
        with (
            file.open("rb") as opened,
            np.load(opened, allow_pickle=False) as archive,
        ):
            return {name: archive[name] for name in archive.files}
    except (
        ValueError,
        OSError,
        EOFError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(
            f"{file} cannot be read as .npz. Expected plain arrays, written by "
            f"numpy.savez. Received: {type(error).__name__}: {error}. "
            "Write the file again, without Python objects."
        ) from error


def write_npz(
    path: str | Path,
    values: Mapping[str, example_set.Array],
    *,
    compressed: bool = False,
) -> None:
    """Writes a `.npz` file, whole or not at all, and without pickle.

    `numpy.savez` can refuse Python objects itself only since NumPy 2.

    Args:
        path: The file.
        values: `{name: array}`.
        compressed: Whether to make the file smaller.

    Raises:
        ValueError: If an array holds Python objects.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> path = tempfile.mkdtemp() + "/mine.npz"
        >>> values = {"pose": np.zeros((4, 6)), "y": np.array([0, 1, 0, 1])}
        >>> gb.data.write_npz(path, values)
        >>> list(gb.data.read_npz(path))
        ['pose', 'y']
    """
    for name, array in values.items():
        if array.dtype.hasobject:
            raise ValueError(
                f"`{name}` holds Python objects. Expected plain numbers or "
                f"strings in {Path(path).name}. Received: {array.dtype}. "
                "Convert the array."
            )
    members: dict[str, Any] = dict(values)
    save = np.savez_compressed if compressed else np.savez
    with files.replacing(path) as beside:
        save(beside, **members)


def check_names(
    path: str | Path, stored: Mapping[str, object], needed: tuple[str, ...]
) -> None:
    """Raises unless a file holds every array that is needed."""
    missing = [name for name in needed if name not in stored]
    if missing:
        raise ValueError(
            f"{path} lacks arrays. Expected {list(needed)}. "
            f"Received: no {missing}. Restore the file."
        )


def load(path: str | Path) -> example_set.Splits:
    """Loads a user's own `.npz`: one array a modality, and `y`.

    Optional arrays: `split` (strings "train", "validation", "test", one an
    example), `group` and `sample_weight`. Without `split`, every fifth example
    of each class, in file order, is the test split.

    Args:
        path: The `.npz` file.

    Returns:
        The splits; classes are named by their number.

    Raises:
        ValueError: If the file or one of its arrays is not as described.
    """
    stored = read_npz(path)
    if "y" not in stored:
        raise ValueError(
            f"{path} has no labels. Expected an array named 'y'. "
            f"Received: {sorted(stored)}. Save it with numpy.savez(..., y=y)."
        )
    try:
        examples = example_set.Examples(
            x={
                name: array
                for name, array in stored.items()
                if name not in RESERVED
            },
            y=stored["y"],
            group=stored.get("group"),
            sample_weight=stored.get("sample_weight"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    split = stored.get("split")
    if split is None:  # every fifth example of a class is a test
        keys = examples.y if examples.y.ndim == 1 else np.zeros(len(examples))
        split = np.full(len(examples), "train", dtype="<U10")
        for value in np.unique(keys):
            split[np.flatnonzero(keys == value)[4::5]] = "test"
    return _divide(examples, split.astype(str), source=str(path))


def _divide(
    examples: example_set.Examples, split: example_set.Array, *, source: str
) -> example_set.Splits:
    if len(split) != len(examples):
        raise ValueError(
            f"{source}: `split` has another length than `y`. Expected "
            f"{len(examples)}. Received: len(split)={len(split)}. "
            "Give one value an example."
        )
    unknown = sorted(set(split.tolist()) - set(SPLITS))
    if unknown:
        raise ValueError(
            f"{source}: `split` has unknown values. Expected {list(SPLITS)}. "
            f"Received: {unknown}. Rename them."
        )
    parts = {name: np.flatnonzero(split == name) for name in SPLITS}
    for name in ("train", "test"):
        if len(parts[name]) == 0:
            raise ValueError(
                f"{source}: the {name} split is empty. Expected at least one "
                f"example marked '{name}'. Received: none. Check `split`."
            )
    return example_set.Splits(
        train=examples.take(parts["train"]),
        test=examples.take(parts["test"]),
        validation=(
            examples.take(parts["validation"])
            if len(parts["validation"])
            else None
        ),
        class_names=tuple(str(c) for c in range(num_classes(examples.y))),
    )


def num_classes(y: example_set.Array) -> int:
    """Counts classes: the largest integer label + 1, or the columns of `y`."""
    return y.shape[1] if y.ndim == 2 else int(np.max(y)) + 1
