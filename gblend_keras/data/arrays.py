"""Sets of arrays: what they must look like, and how a `.npz` is read."""

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Names of a user's .npz that are not modalities.
RESERVED = ("y", "split", "group", "sample_weight")
SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples in memory: one array a modality, and one label an example.

    Attributes:
        x: One array a modality, the examples on its first axis.
        y: Integer labels `(N,)`, or multi-hot labels `(N, classes)`.
        group: Whom each example comes from (subject, speaker, kitchen), of any
            comparable type, shape `(N,)`; or None.
        sample_weight: Shape `(N,)`, each >= 0; or None.

    Raises:
        ValueError: If an array is empty, of another length than `y`, not
            numeric, or has a value that is not finite.
    """

    x: dict[str, Array]
    y: Array
    group: Array | None = None
    sample_weight: Array | None = None

    def __post_init__(self) -> None:
        if not self.x:
            raise ValueError(
                "`x` has no modality. Expected at least one array. "
                "Received: x={}. Pass `{modality: array}`."
            )
        if len(self.y) == 0:
            raise ValueError(
                "The dataset is empty. Expected at least one example. "
                "Received: len(y)=0. Check the path and the split."
            )
        check_labels(self.y)
        for name, array in self.x.items():
            check_modality(name, array, len(self.y))
        for field in ("group", "sample_weight"):
            value = getattr(self, field)
            if value is not None and len(value) != len(self.y):
                raise ValueError(
                    f"`{field}` has another length than `y`. Expected "
                    f"{len(self.y)}. Received: len({field})={len(value)}. "
                    "Give one value an example."
                )
        if self.sample_weight is not None:
            check_sample_weight(self.sample_weight)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: npt.ArrayLike) -> "Examples":
        """Returns the examples at `indices`, in that order."""
        rows = np.asarray(indices)
        return Examples(
            x={name: array[rows] for name, array in self.x.items()},
            y=self.y[rows],
            group=None if self.group is None else self.group[rows],
            sample_weight=(
                None if self.sample_weight is None else self.sample_weight[rows]
            ),
        )

    def select(self, modalities: tuple[str, ...]) -> "Examples":
        """Returns the same examples with only these modalities, in order."""
        return dataclasses.replace(
            self, x={name: self.x[name] for name in modalities}
        )


@dataclasses.dataclass(frozen=True)
class Splits:
    """A set as it is used: examples to train, to test, perhaps to validate.

    Attributes:
        train: What may be trained on; the holdout is taken out of it.
        test: What is only reported. Nothing is chosen on it.
        class_names: One name a class, in the order of the labels.
        validation: What choices may be made on; or None.
    """

    train: Examples
    test: Examples
    class_names: tuple[str, ...]
    validation: Examples | None = None


def check_labels(y: Array) -> None:
    """Raises unless `y` holds integer classes or multi-hot rows."""
    if y.ndim not in (1, 2):
        raise ValueError(
            "`y` has a wrong shape. Expected (examples,) with integer classes "
            "or (examples, classes) with zeros and ones. "
            f"Received: y.shape={y.shape}. Squeeze or reshape the labels."
        )
    if not (
        np.issubdtype(y.dtype, np.number) or np.issubdtype(y.dtype, np.bool_)
    ):
        raise ValueError(
            "`y` is not numeric. Expected integers from 0. "
            f"Received: y.dtype={y.dtype}. Map class names to integers first."
        )
    if y.ndim == 1 and not np.array_equal(y, np.floor(y)):
        raise ValueError(
            "`y` has values that are not whole numbers. Expected integer "
            f"classes from 0. Received: y.dtype={y.dtype}. "
            "G-Blend here trains classifiers only."
        )
    if np.min(y) < 0:
        raise ValueError(
            "`y` has a negative label. Expected classes from 0. "
            f"Received: min(y)={np.min(y)}. Number the classes from 0."
        )


def check_modality(name: str, array: Array, num_examples: int) -> None:
    """Raises unless `array` can be a modality of `num_examples` examples."""
    if len(array) != num_examples:
        raise ValueError(
            f"Modality '{name}' has another length than the labels. "
            f"Expected {num_examples} examples. Received: {len(array)}. "
            "Every modality needs one row for each label, in the same order."
        )
    if not np.issubdtype(array.dtype, np.number):
        raise ValueError(
            f"Modality '{name}' is not numeric. Expected a float or integer "
            f"array. Received: dtype={array.dtype}. Convert it to numbers."
        )
    if np.issubdtype(array.dtype, np.floating):
        finite = np.isfinite(array).reshape(num_examples, -1).all(axis=1)
        if not finite.all():
            first = int(np.argmin(finite))
            raise ValueError(
                f"Modality '{name}' has values that are NaN or infinite. "
                "Expected finite numbers. Received: "
                f"{int((~finite).sum())} such examples, the first at row "
                f"{first}. Remove these examples or fill the gaps."
            )


def check_sample_weight(sample_weight: Array) -> None:
    """Raises unless every weight is finite and >= 0."""
    if not np.isfinite(sample_weight).all() or np.min(sample_weight) < 0:
        raise ValueError(
            "`sample_weight` has a negative or non-finite value. Expected "
            f"finite values >= 0. Received: min={np.min(sample_weight)}. "
            "Use 0 to leave an example out."
        )


def read_npz(path: str | Path) -> dict[str, Array]:
    """Reads every array of a `.npz` file, without pickle.

    Args:
        path: A file that `numpy.savez` wrote.

    Returns:
        `{name: array}`.

    Raises:
        ValueError: If the file is missing, damaged, not a `.npz`, or holds
            Python objects.
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


def load(path: str | Path) -> Splits:
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
    arrays = read_npz(path)
    if "y" not in arrays:
        raise ValueError(
            f"{path} has no labels. Expected an array named 'y'. "
            f"Received: {sorted(arrays)}. Save it with numpy.savez(..., y=y)."
        )
    try:
        examples = Examples(
            x={
                name: array
                for name, array in arrays.items()
                if name not in RESERVED
            },
            y=arrays["y"],
            group=arrays.get("group"),
            sample_weight=arrays.get("sample_weight"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    split = arrays.get("split")
    if split is None:
        split = _every_fifth_of_a_class(examples.y)
    return _divide(examples, split.astype(str), source=str(path))


def _divide(examples: Examples, split: Array, *, source: str) -> Splits:
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
    return Splits(
        train=examples.take(parts["train"]),
        test=examples.take(parts["test"]),
        validation=(
            examples.take(parts["validation"])
            if len(parts["validation"])
            else None
        ),
        class_names=tuple(str(c) for c in range(num_classes(examples.y))),
    )


def num_classes(y: Array) -> int:
    """Counts classes: the largest integer label + 1, or the columns of `y`."""
    return y.shape[1] if y.ndim == 2 else int(np.max(y)) + 1


def _every_fifth_of_a_class(y: Array) -> Array:
    keys = y if y.ndim == 1 else np.zeros(len(y))
    split = np.full(len(y), "train", dtype="<U10")
    for value in np.unique(keys):
        split[np.flatnonzero(keys == value)[4::5]] = "test"
    return split


def check_modalities(x: Mapping[str, object], expected: list[str]) -> None:
    """Raises unless the modalities of `x` are exactly those expected."""
    missing = [name for name in expected if name not in x]
    surplus = [name for name in x if name not in expected]
    if missing or surplus:
        raise ValueError(
            "The modalities of the data are not those of the network. "
            f"Expected {expected}. Received: {list(x)} "
            f"(missing: {missing}, surplus: {surplus}). "
            "Rename the data's keys or the towers."
        )
