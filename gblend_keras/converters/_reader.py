"""One file of a public checkpoint -> its named tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras.converters import _large_pickle
from gblend_keras.converters import _tensors
from gblend_keras.converters import _torch_file
from gblend_keras.utils import optional

# Under which key the files of the known sources keep their tensors.
_CONTAINERS = ("blobs", "state_dict", "model_state_dict", "model")
_PARALLEL_PREFIX = "module."  # what torch.nn.DataParallel puts before names


def read_checkpoint(path: str | Path) -> _tensors.Contents:
    """Reads the names and shapes of a checkpoint; values when they are used.

    The format is told by the first bytes, not by the file's name: a VMZ
    `.pkl`, a PyTorch file of either format, or `.safetensors`. Nothing that
    is in the file runs.

    Args:
        path: The file.

    Returns:
        Its tensors, and the names of whatever else stands beside them.

    Raises:
        ValueError: If the file is missing, damaged, hostile, or has no
            tensors.
        ImportError: If the file is a `.safetensors` and that package is
            missing.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(
            f"{file} is not there. Expected a checkpoint. "
            "Received: a path without a file. Check the path."
        )
    with file.open("rb") as stream:
        start = stream.read(16)
    if start.startswith(_torch_file.ZIP_MAGIC):
        content = _torch_file.read_zip(file)
    elif start.startswith(_torch_file.LEGACY_MAGIC):
        content = _torch_file.read_legacy(file)
    elif start[8:9] == b"{":
        content = _read_safetensors(file)
    else:
        content = _large_pickle.load(file)
    return _contents(file, content)


def _contents(path: Path, content: Any) -> _tensors.Contents:
    outer: tuple[str, ...] = ()
    for key in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(
            content.get(key), Mapping
        ):
            outer = tuple(str(name) for name in content if name != key)
            content = content[key]
            break
    entries = dict(content) if isinstance(content, Mapping) else {}
    found = {
        str(name): value
        if isinstance(value, _tensors.Tensor)
        else _tensors.from_array(value)
        for name, value in entries.items()
        if isinstance(value, _tensors.Tensor | np.ndarray)
    }
    others = tuple(str(name) for name in entries if str(name) not in found)
    if not found:
        raise ValueError(
            f"{path} has no tensors. Expected a state dict or Caffe2 blobs. "
            f"Received: {type(content).__name__} with {list(entries)[:5]}. "
            "Check that it is a checkpoint."
        )
    if all(name.startswith(_PARALLEL_PREFIX) for name in found):
        found = {
            name.removeprefix(_PARALLEL_PREFIX): value
            for name, value in found.items()
        }
    return _tensors.Contents(found, outer + others)


def _read_safetensors(path: Path) -> dict[str, _tensors.Tensor]:
    safetensors = optional.load(
        "safetensors", extra="convert", purpose=str(path)
    )
    try:
        with safetensors.safe_open(str(path), framework="np") as file:
            names = list(file.keys())
            shapes = {name: file.get_slice(name).get_shape() for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} is not a .safetensors file. Expected its header and all "
            f"of its tensors. Received: {error}. Download it again."
        ) from error

    def reader(name: str) -> _tensors.Tensor:
        def read() -> _tensors.Array:
            with safetensors.safe_open(str(path), framework="np") as file:
                return np.asarray(file.get_tensor(name))

        return _tensors.Tensor(tuple(shapes[name]), read)

    return {name: reader(name) for name in names}
