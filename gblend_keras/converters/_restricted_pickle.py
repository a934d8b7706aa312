"""Pickles of arrays, read without running anything that is in them.

A pickle is a program: it names functions, calls them, and sets attributes of
what they return. Here every name that a pickle may use stands for an inert
object of ours, which a pickle can call and not change, and every other name is
refused. No function of NumPy or PyTorch is ever called by a pickle.
"""

import collections
import copyreg
import io
import math
import pickle
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import Protocol
from typing import runtime_checkable

import numpy as np

from gblend_keras.converters import _tensors

Array = _tensors.Array
Names = Mapping[tuple[str, str], Any]  # {(module, name): StandIn}

# Kinds of numbers an array may hold: no objects, no records, no strings.
_DTYPE_CODES = frozenset(
    ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
)
_MAX_MARK = 64  # bytes; marks of pieces are shorter
_MAX_DEPTH = 64  # of containers in containers
_LEAVES = (bool, int, float, str, bytes, bytearray, np.generic)


Pieces = Mapping[bytes, Any]  # {mark: large_pickles.Piece}


class StandIn:
    """What a pickle gets for a name: it can be called, and not be changed.

    Args:
        make: What a call does.
    """

    __slots__ = ("make",)
    make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "make", make)

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"a change of attribute {name!r}")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a change of what a name means")


@runtime_checkable
class Stored(Protocol):
    """An object that stands for a value in what an unpickler returns."""

    def plain(self) -> Any:
        """Returns the value."""


class InertDict(collections.OrderedDict[Any, Any]):
    """An OrderedDict that ignores attributes a pickle wants to set on it."""

    def __setstate__(self, state: Any) -> None:
        del state


class InertType:
    """What a pickle gets when it calls `numpy.dtype`."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        if code not in _DTYPE_CODES:
            raise pickle.UnpicklingError(f"an array of type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        _, order, subtype, names, fields, *_ = state
        if (subtype, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("an array of records")
        self.dtype = self.dtype.newbyteorder({"|": "="}.get(order, order))

    def plain(self) -> str:
        return self.dtype.str


class InertArray:
    """What a pickle gets for an array, before and after it has values."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_fortran, data = state
        self.state = (data, kind, shape, "F" if is_fortran else "C")

    def resolve(self, pieces: Pieces) -> Array | _tensors.Tensor:
        """Returns the array; a lazy one if its values stayed in the file."""
        if self.state is None:
            raise pickle.UnpicklingError("an array without values")
        data, kind, shape, order = self.state
        mark = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(mark, bytes | bytearray):
            raise pickle.UnpicklingError("an array of objects")
        piece = pieces.get(bytes(mark)) if len(mark) < _MAX_MARK else None
        if piece is None:
            return _array(mark, kind, shape, order)
        sizes = _check(piece.num_bytes, kind, shape)
        return _tensors.Tensor(
            sizes, lambda: _array(piece.read(), kind, sizes, order)
        )


def _from_buffer(
    data: Any, kind: Any, shape: Any, order: Any = "C", *_: Any
) -> InertArray:
    result = InertArray()
    result.state = (data, kind, shape, order)
    return result


def _scalar(kind: Any, data: Any) -> Any:
    return _array(data, kind, (), "C")[()]


def _empty_bytes() -> bytes:
    """Stands for `bytes`, by which Python 3 writes old empty bytes."""
    return b""


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Stands for `_codecs.encode`, by which Python 3 writes old bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return str(text).encode("latin1")


NUMPY_NAMES: Names = {
    ("collections", "OrderedDict"): StandIn(InertDict),
    ("builtins", "bytes"): StandIn(_empty_bytes),
    ("__builtin__", "bytes"): StandIn(_empty_bytes),
    ("_codecs", "encode"): StandIn(_encode),
    ("numpy", "ndarray"): StandIn(InertArray),
    ("numpy", "dtype"): StandIn(InertType),
    **{
        (module, name): StandIn(make)
        for core in ("numpy.core", "numpy._core")
        for module, name, make in (
            (f"{core}.multiarray", "_reconstruct", InertArray),
            (f"{core}.multiarray", "scalar", _scalar),
            (f"{core}.numeric", "_frombuffer", _from_buffer),
        )
    },
}


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows only the names it is given.

    Args:
        file: Where the pickle begins.
        names: `{(module, name): inert stand-in}`.
        storages: What a persistent id becomes; None refuses them all.
    """

    def __init__(
        self,
        file: BinaryIO,
        names: Names,
        storages: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(file, encoding="latin1")  # of Python 2's strings
        self.names = names
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        stand_in = self.names.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"the name {module}.{name}")
        return stand_in

    def persistent_load(self, pid: Any) -> Any:
        if self.storages is None:
            raise pickle.UnpicklingError("a reference to something outside")
        return self.storages(pid)


def load(
    file: BinaryIO,
    path: str | Path,
    *,
    names: Names = NUMPY_NAMES,
    storages: Callable[[Any], Any] | None = None,
    pieces: Pieces | None = None,
) -> Any:
    """Reads one pickle of arrays, numbers, strings and plain containers.

    Args:
        file: Where the pickle begins; read up to its end.
        path: Named in errors.
        names: What the pickle may name, and the inert stand-in of each.
        storages: What a persistent id becomes; None refuses them all.
        pieces: Values of arrays that are not in the pickle, by their marks.

    Returns:
        The object, its arrays as NumPy arrays.

    Raises:
        ValueError: If the pickle names anything else, refers to something
            outside, or is damaged. Nothing of it has run.
    """
    # Extension codes skip `find_class` once somebody in this process has used
    # them; without the cache they pass through it.
    copyreg.clear_extension_cache()
    try:
        value = RestrictedUnpickler(file, names, storages).load()
        return _Plain(pieces or {}).of(value)
    except Exception as error:  # a hostile pickle can raise anything
        raise refusal(path, error) from error


def loads(data: bytes, path: str | Path, **options: Any) -> Any:
    """Reads one pickle from memory; see `load`."""
    return load(io.BytesIO(data), path, **options)


def refusal(path: str | Path, error: Exception) -> ValueError:
    """Returns the error for a file that is no plain set of arrays."""
    return ValueError(
        f"{path} is not a plain set of arrays. Expected arrays of numbers in "
        f"dicts and lists. Received: {error or type(error).__name__}. "
        "The file is damaged or hostile: do not unpickle it otherwise."
    )


class _Plain:
    """Turns what an unpickler returned into arrays and plain containers.

    Shared parts are turned once, so that no small file becomes a huge object.
    """

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self.done: dict[int, Any] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        """Returns `value`, plain; refuses objects that are not."""
        if depth > _MAX_DEPTH:
            raise pickle.UnpicklingError("containers nested too deep")
        if id(value) not in self.done:
            self.done[id(value)] = self._turn(value, depth)
        return self.done[id(value)]

    def _turn(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {
                self.of(key, depth + 1): self.of(entry, depth + 1)
                for key, entry in value.items()
            }
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self.of(entry, depth + 1) for entry in value)
        # A long string that stayed in the file is read.
        if isinstance(value, str) and value.isascii():
            piece = self.pieces.get(value.encode())
            return value if piece is None else piece.read_text()
        if isinstance(value, bytes | bytearray):
            piece = self.pieces.get(bytes(value))
            return value if piece is None else piece.read()
        if value is None or isinstance(value, _LEAVES):
            return value
        if isinstance(value, InertArray):
            return value.resolve(self.pieces)
        if isinstance(value, Stored):
            return value.plain()
        raise pickle.UnpicklingError(f"an object of {type(value).__name__}")


def _array(data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Returns raw bytes as an array; Python 2 wrote them as a string."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array of objects")
    sizes = _check(len(data), kind, shape)
    if order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array in order {order!r}")
    flat = np.frombuffer(data, dtype=kind.dtype)
    return flat.reshape(sizes, order="F" if order == "F" else "C")


def _check(num_bytes: int, kind: Any, shape: Any) -> tuple[int, ...]:
    """Returns the shape; raises unless so many bytes fill it."""
    if not isinstance(kind, InertType):
        raise pickle.UnpicklingError("an array without a type")
    sizes = tuple(int(size) for size in shape)
    expected = math.prod(sizes) * kind.dtype.itemsize
    if min(sizes, default=0) < 0 or num_bytes != expected:
        raise pickle.UnpicklingError(
            f"an array of shape {sizes} with {num_bytes} bytes"
        )
    return sizes
