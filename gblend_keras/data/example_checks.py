"""Checks of examples: labels, modalities, weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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
