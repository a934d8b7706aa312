"""Tensors of a checkpoint, read when they are needed."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its shape at once, its values when read.

    Attributes:
        shape: As it is stored.
        read: Gives the values.
    """

    shape: tuple[int, ...]
    read: Callable[[], Array]


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a checkpoint holds.

    Attributes:
        tensors: `{name: tensor}`.
        others: Names of entries that are not tensors.
    """

    tensors: dict[str, Tensor]
    others: tuple[str, ...] = ()


def from_array(array: Array) -> Tensor:
    """Returns a tensor that is in memory already."""
    return Tensor(array.shape, lambda: array)


def strided(
    flat: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Array:
    """Returns a view of `flat` as PyTorch describes one.

    Args:
        flat: The whole storage, one axis.
        offset: Index of the first value.
        shape: Of the view.
        strides: One an axis, in values.

    Raises:
        ValueError: If the view would reach outside `flat`.
    """
    last = offset + sum(
        (size - 1) * stride for size, stride in zip(shape, strides, strict=True)
    )
    if math.prod(shape) and not 0 <= offset <= last < len(flat):
        raise ValueError(
            "A tensor reaches outside its storage. Expected values 0 to "
            f"{len(flat) - 1}. Received: {offset} to {last}. "
            "The file is damaged."
        )
    if not math.prod(shape):
        return np.zeros(shape, flat.dtype)
    return np.lib.stride_tricks.as_strided(
        flat[offset:],
        shape,
        [stride * flat.itemsize for stride in strides],
        writeable=False,
    )
