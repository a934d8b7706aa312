"""Sets of examples: what they must look like."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class ExampleSet(Protocol):
    """What every set of examples has, in memory or not.

    Attributes:
        y: Labels, as in `Examples`.
        group: Whom each example comes from, as in `Examples`.
    """

    @property
    def y(self) -> Array: ...

    @property
    def group(self) -> Array | None: ...

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one example, by modality."""

    def __len__(self) -> int: ...

    def take(self, indices: npt.ArrayLike) -> Self:
        """Returns the examples at `indices`, in that order."""

    def select(self, modalities: tuple[str, ...]) -> Self:
        """Returns the same examples with only these modalities, in order."""

    def sample(self, modality: str) -> Array:
        """Returns examples that statistics can be computed from."""


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

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one example, by modality."""
        return {name: array.shape[1:] for name, array in self.x.items()}

    def sample(self, modality: str) -> Array:
        """Returns all examples of a modality."""
        return self.x[modality]

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

    train: ExampleSet
    test: ExampleSet
    class_names: tuple[str, ...]
    validation: ExampleSet | None = None


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
