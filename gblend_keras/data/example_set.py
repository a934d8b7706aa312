"""Sets of examples: labels, modalities, and what reads them."""

import dataclasses
import importlib
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol
from typing import Self

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_checks

if TYPE_CHECKING:
    from gblend_keras.data import sources

Array = example_checks.Array


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

    def source(self) -> "sources.Source":
        """Returns what reads these examples by row number."""


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

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"a": np.ones((8, 3)), "b": np.ones((8, 2))}
        >>> y = np.arange(8) % 2
        >>> examples = gb.Examples(x, y)
        >>> len(examples), examples.shapes
        (8, {'a': (3,), 'b': (2,)})
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
        example_checks.check_labels(self.y)
        for name, array in self.x.items():
            example_checks.check_modality(name, array, len(self.y))
        for field in ("group", "sample_weight"):
            value = getattr(self, field)
            if value is not None and len(value) != len(self.y):
                raise ValueError(
                    f"`{field}` has another length than `y`. Expected "
                    f"{len(self.y)}. Received: len({field})={len(value)}. "
                    "Give one value an example."
                )
        if self.sample_weight is not None:
            example_checks.check_sample_weight(self.sample_weight)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one example, by modality."""
        return {name: array.shape[1:] for name, array in self.x.items()}

    def sample(self, modality: str) -> Array:
        """Returns all examples of a modality."""
        return self.x[modality]

    def source(self) -> "sources.Source":
        """Returns what reads these examples by row number."""
        # Loaded late: it loads Keras, and with it modules that need this one.
        module: Any = importlib.import_module("gblend_keras.data.sources")
        found: sources.Source = module.ArraySource(
            self.x, self.y, self.sample_weight
        )
        return found

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

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"a": np.ones((8, 3)), "b": np.ones((8, 2))}
        >>> y = np.arange(8) % 2
        >>> examples = gb.Examples(x, y)
        >>> splits = gb.Splits(examples, examples, class_names=("no", "yes"))
        >>> splits.validation is None
        True
    """

    train: ExampleSet
    test: ExampleSet
    class_names: tuple[str, ...]
    validation: ExampleSet | None = None
