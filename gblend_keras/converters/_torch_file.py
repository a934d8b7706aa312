"""PyTorch's `.pth` files, read without PyTorch.

Since PyTorch 1.6 such a file is a zip of one pickle and one raw file a
storage. Before, and still for many public checkpoints, it is a row of pickles
and then the raw storages. Both pickles are read by the restricted unpickler.
"""

import dataclasses
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gblend_keras.converters import _restricted_pickle
from gblend_keras.converters import _tensors

ZIP_MAGIC = b"PK\x03\x04"
# What pickle makes of PyTorch's magic number 0x1950a86a20f9469cfc6c.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LEGACY_PROTOCOL = 1001

_BFLOAT16 = "bfloat16"  # NumPy has none: its bits are the upper float32 half
_STORAGE_TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

Flat = npt.NDArray[np.generic]
ReadStorage = Callable[[str, str, int], Flat]  # key, type, number of values


class StorageType(_restricted_pickle.StandIn):
    """What a pickle gets when it names `torch.FloatStorage` and the like."""

    def __init__(self, code: str) -> None:
        super().__init__(lambda *_: code)


@dataclasses.dataclass(frozen=True)
class Storage:
    """A reference to raw values in the file.

    Attributes:
        key: Names the storage in the file.
        code: Type of its values.
        num_values: How many there are.
        offset: Where this part of the storage begins, in values.
        read: Reads the whole storage.
    """

    key: str
    code: str
    num_values: int
    offset: int
    read: ReadStorage

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a change of a storage")


class StoredTensor:
    """What a pickle gets for a tensor: where its values are."""

    def __init__(
        self, storage: Any, offset: Any, shape: Any, strides: Any
    ) -> None:
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        self.storage = storage
        self.offset = int(offset) + storage.offset
        self.shape = tuple(int(size) for size in shape)
        self.strides = tuple(int(stride) for stride in strides)
        if min((*self.shape, *self.strides, self.offset)) < 0:
            raise pickle.UnpicklingError("a tensor of negative size")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a change of a tensor")

    def plain(self) -> _tensors.Tensor:
        return _tensors.Tensor(self.shape, self.read)

    def read(self) -> _tensors.Array:
        storage = self.storage
        flat = storage.read(storage.key, storage.code, storage.num_values)
        return _tensors.strided(flat, self.offset, self.shape, self.strides)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, *_: Any
) -> StoredTensor:
    return StoredTensor(storage, offset, shape, strides)


NAMES: _restricted_pickle.Names = {
    **_restricted_pickle.NUMPY_NAMES,
    ("torch._utils", "_rebuild_tensor"): _restricted_pickle.StandIn(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _restricted_pickle.StandIn(_tensor),
    ("torch._utils", "_rebuild_parameter"): _restricted_pickle.StandIn(
        lambda tensor, *_: tensor
    ),
    ("torch", "Size"): _restricted_pickle.StandIn(
        lambda values=(): tuple(int(value) for value in values)
    ),
    **{
        ("torch", name): StorageType(code)
        for name, code in _STORAGE_TYPES.items()
    },
}


def read_zip(path: Path) -> Any:
    """Reads a `.pth` of PyTorch 1.6 or newer; its tensors when they are used.

    Args:
        path: The file.

    Returns:
        What was saved, with `tensors.Tensor` for tensors.

    Raises:
        ValueError: If the file is damaged, big-endian, a script, or names
            anything but tensors and plain containers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = archive.namelist()
            (data,) = [name for name in files if name.endswith("/data.pkl")]
            folder = data.removesuffix("data.pkl")
            order = f"{folder}byteorder"
            if order in files and archive.read(order) != b"little":
                raise ValueError("big-endian storages")
            content = archive.read(data)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a PyTorch file. Expected a zip with one "
            f"`data.pkl` and little-endian storages. Received: {error}. "
            "Save the state dict again with torch.save."
        ) from error

    def read(key: str, code: str, num_values: int) -> Flat:
        with zipfile.ZipFile(path) as archive:
            return _values(
                archive.read(f"{folder}data/{key}"), code, num_values
            )

    return _restricted_pickle.loads(
        content, path, names=NAMES, storages=_references(read)
    )


def read_legacy(path: Path) -> Any:
    """Reads a `.pth` from before PyTorch 1.6; its tensors when they are used.

    Args:
        path: The file.

    Returns:
        What was saved, with `tensors.Tensor` for tensors.

    Raises:
        ValueError: If the file is damaged, or names anything but tensors and
            plain containers.
    """
    places: dict[str, tuple[int, int]] = {}  # key: (byte, number of values)
    codes: dict[str, str] = {}

    def read(key: str, code: str, num_values: int) -> Flat:
        start, stored = places[key]
        if stored != num_values:
            raise ValueError(
                f"{path} is damaged. Expected {num_values} values in storage "
                f"{key}. Received: {stored}. Download it again."
            )
        return _values(
            np.memmap(path, np.uint8, "r", start, stored * _itemsize(code)),
            code,
            num_values,
        )

    def remember(pid: Any) -> Storage:
        storage = _references(read)(pid)
        codes[storage.key] = storage.code
        return storage

    with path.open("rb") as file:
        _restricted_pickle.load(file, path)  # the magic number
        protocol = _restricted_pickle.load(file, path)
        if protocol != LEGACY_PROTOCOL:
            raise ValueError(
                f"{path} has an unknown format. Expected protocol "
                f"{LEGACY_PROTOCOL}. Received: {protocol}. "
                "Save the state dict again with torch.save."
            )
        _restricted_pickle.load(file, path)  # sizes of C types
        value = _restricted_pickle.load(
            file, path, names=NAMES, storages=remember
        )
        keys = _restricted_pickle.load(file, path)
        _find_storages(file, path, keys, codes, places)
    return value


def _find_storages(
    file: BinaryIO,
    path: Path,
    keys: Any,
    codes: dict[str, str],
    places: dict[str, tuple[int, int]],
) -> None:
    """Fills `places` by jumping from one storage to the next."""
    size = path.stat().st_size
    for key in keys:
        header = file.read(8)
        if key not in codes or len(header) < 8:
            break
        (num_values,) = struct.unpack("<q", header)
        start = file.tell()
        end = start + num_values * _itemsize(codes[key])
        if not start <= end <= size:
            break
        places[key] = (start, num_values)
        file.seek(end)
    if set(places) != set(codes):
        raise ValueError(
            f"{path} is damaged. Expected {len(codes)} storages. "
            f"Received: {len(places)}. Download it again."
        )


def _references(read: ReadStorage) -> Callable[[Any], Storage]:
    """Returns what turns a persistent id into a reference."""

    def reference(pid: Any) -> Storage:
        if not isinstance(pid, tuple) or pid[0] != "storage" or len(pid) < 5:
            raise pickle.UnpicklingError(f"a reference {pid!r:.60}")
        _, kind, key, _, num_values, *view = pid
        if not isinstance(kind, StorageType):
            raise pickle.UnpicklingError(f"a storage of type {kind!r:.60}")
        offset = int(view[0][1]) if view and view[0] is not None else 0
        return Storage(str(key), kind(), int(num_values), offset, read)

    return reference


def _itemsize(code: str) -> int:
    return 2 if code == _BFLOAT16 else np.dtype(code).itemsize


def _values(data: Any, code: str, num_values: int) -> Flat:
    """Returns raw bytes as numbers, bfloat16 as float32."""
    if len(data) != num_values * _itemsize(code):
        raise ValueError(
            "A storage has a wrong size. Expected "
            f"{num_values * _itemsize(code)} bytes. Received: {len(data)}. "
            "The file is damaged."
        )
    if code != _BFLOAT16:
        return np.frombuffer(data, dtype=code)
    upper = np.frombuffer(data, dtype="<u2").astype("<u4") << np.uint32(16)
    return upper.view("<f4")
