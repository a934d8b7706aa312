"""Files of PyTorch, of both formats, read without PyTorch."""

import io
import json
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

from gblend_keras.converters import _reader
from gblend_keras.converters import _tensors
from gblend_keras.converters import _torch_file

STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage"}


@pytest.fixture
def fake_torch(monkeypatch):
    """Puts a `torch` in place that has just the names a file refers to."""
    torch = types.ModuleType("torch")
    utils = types.ModuleType("torch._utils")

    def rebuild(*args):
        raise AssertionError(args)

    for module, name in (
        (utils, "_rebuild_tensor_v2"),
        (utils, "_rebuild_parameter"),
        (utils, "_rebuild_sparse_tensor"),
    ):
        function = types.FunctionType(rebuild.__code__, {}, name)
        function.__module__, function.__qualname__ = module.__name__, name
        setattr(module, name, function)
    for name in (*STORAGES.values(), "BFloat16Storage"):
        kind = type(name, (), {"__module__": "torch"})
        setattr(torch, name, kind)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


class FakeStorage:
    """Stands for a storage until it is pickled as a reference."""

    def __init__(self, key, kind, raw, num_values):
        self.key, self.kind = key, kind
        self.raw, self.num_values = raw, num_values


class FakeTensor:
    """Pickles as PyTorch's tensors do."""

    def __init__(self, storage, offset, shape, strides):
        self.args = (storage, offset, shape, strides, False, {})

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.args


def tensor(torch, key, array, code="f4"):
    array = np.ascontiguousarray(array, f"<{code}")
    kind = getattr(torch, STORAGES[code])
    storage = FakeStorage(key, kind, array.tobytes(), array.size)
    strides = tuple(s // array.itemsize for s in array.strides)
    return FakeTensor(storage, 0, array.shape, strides)


class Pickler(pickle.Pickler):
    """Writes storages as references, as PyTorch does."""

    legacy = False

    def persistent_id(self, value):
        if not isinstance(value, FakeStorage):
            return None
        pid = ("storage", value.kind, value.key, "cpu", value.num_values)
        return (*pid, None) if self.legacy else pid


def dumps(value, *, legacy=False) -> bytes:
    file = io.BytesIO()
    pickler = Pickler(file, 2)
    pickler.legacy = legacy
    pickler.dump(value)
    return file.getvalue()


def storages(value):
    return {t.args[0].key: t.args[0] for t in value.values()}


def write_zip(path, value, **entries):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", dumps(value))
        for key, storage in storages(value).items():
            archive.writestr(f"net/data/{key}", storage.raw)
        for name, content in entries.items():
            archive.writestr(f"net/{name}", content)


def write_legacy(path, value):
    parts = [
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        pickle.dumps(1001, 2),
        pickle.dumps({"little_endian": True}, 2),
        dumps(value, legacy=True),
        pickle.dumps(list(storages(value)), 2),
    ]
    for storage in storages(value).values():
        parts += [struct.pack("<q", storage.num_values), storage.raw]
    path.write_bytes(b"".join(parts))


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_tensors_are_read_without_pytorch(write, fake_torch, tmp_path):
    a = np.arange(24.0).reshape(2, 3, 4)
    b = np.array(7)
    write(
        tmp_path / "net.pth",
        {
            "a": tensor(fake_torch, "0", a),
            "b": tensor(fake_torch, "1", b, "i8"),
        },
    )
    contents = _reader.read_checkpoint(tmp_path / "net.pth")
    assert contents.tensors["a"].shape == (2, 3, 4)
    np.testing.assert_array_equal(contents.tensors["a"].read(), a)
    assert contents.tensors["b"].read() == 7


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_views_of_one_storage_are_read(write, fake_torch, tmp_path):
    whole = tensor(fake_torch, "0", np.arange(12.0))
    storage = whole.args[0]
    value = {
        "whole": whole,
        "turned": FakeTensor(storage, 2, (2, 3), (1, 2)),
        "empty": FakeTensor(storage, 0, (0, 3), (3, 1)),
    }
    write(tmp_path / "net.pth", value)
    read = _reader.read_checkpoint(tmp_path / "net.pth").tensors
    # From 2, rows 1 apart and columns 2 apart: 2 4 6 and 3 5 7.
    np.testing.assert_array_equal(read["turned"].read(), [[2, 4, 6], [3, 5, 7]])
    assert read["empty"].read().shape == (0, 3)


def test_bfloat16_becomes_float32(fake_torch, tmp_path):
    # 1.0 is 0x3f80 and -2.5 is 0xc020: the upper halves of the float32.
    raw = struct.pack("<HH", 0x3F80, 0xC020)
    storage = FakeStorage("0", fake_torch.BFloat16Storage, raw, 2)
    write_zip(tmp_path / "net.pth", {"a": FakeTensor(storage, 0, (2,), (1,))})
    read = _reader.read_checkpoint(tmp_path / "net.pth").tensors["a"].read()
    np.testing.assert_array_equal(read, np.array([1.0, -2.5], "float32"))


def test_state_dict_is_found_inside_a_training_checkpoint(tmp_path):
    path = tmp_path / "net.pkl"
    state = {"module.fc.weight": np.zeros((2, 3)), "module.fc.bias": np.ones(2)}
    path.write_bytes(
        pickle.dumps({"epoch": 3, "state_dict": state, "note": "x"}, 2)
    )
    contents = _reader.read_checkpoint(path)
    assert set(contents.tensors) == {"fc.weight", "fc.bias"}
    assert contents.others == ("epoch", "note")


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_tensor_outside_its_storage_is_refused(write, fake_torch, tmp_path):
    storage = tensor(fake_torch, "0", np.arange(4.0)).args[0]
    write(tmp_path / "net.pth", {"a": FakeTensor(storage, 2, (3,), (1,))})
    contents = _reader.read_checkpoint(tmp_path / "net.pth")
    with pytest.raises(ValueError, match="The file is damaged"):
        contents.tensors["a"].read()


@pytest.mark.parametrize("strides", [(-1,), (1, 1)])
def test_view_with_wrong_strides_is_refused(strides, fake_torch, tmp_path):
    storage = tensor(fake_torch, "0", np.arange(4.0)).args[0]
    write_zip(
        tmp_path / "net.pth", {"a": FakeTensor(storage, 1, (2,), strides)}
    )
    with pytest.raises(ValueError):
        _reader.read_checkpoint(tmp_path / "net.pth").tensors["a"].read()


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_cut_file_is_refused(write, fake_torch, tmp_path):
    path = tmp_path / "net.pth"
    write(path, {"a": tensor(fake_torch, "0", np.arange(100.0))})
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match="Download it again|torch.save"):
        _reader.read_checkpoint(path)


def test_storage_of_another_size_is_refused(fake_torch, tmp_path):
    value = {"a": tensor(fake_torch, "0", np.arange(4.0))}
    value["a"].args[0].raw += b"more"
    write_zip(tmp_path / "net.pth", value)
    with pytest.raises(ValueError, match="wrong size"):
        _reader.read_checkpoint(tmp_path / "net.pth").tensors["a"].read()


def test_big_endian_file_is_refused(fake_torch, tmp_path):
    value = {"a": tensor(fake_torch, "0", np.arange(4.0))}
    write_zip(tmp_path / "net.pth", value, byteorder=b"big")
    with pytest.raises(ValueError, match="torch.save"):
        _reader.read_checkpoint(tmp_path / "net.pth")


def test_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("readme", "no tensors here")
    with pytest.raises(ValueError, match="torch.save"):
        _reader.read_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_other_functions_of_pytorch_are_refused(write, fake_torch, tmp_path):
    class Sparse(FakeTensor):
        def __reduce__(self):
            return fake_torch_utils()._rebuild_sparse_tensor, self.args

    value = tensor(fake_torch, "0", np.arange(4.0))
    write(tmp_path / "net.pth", {"a": Sparse(*value.args[:4])})
    with pytest.raises(ValueError, match="do not unpickle"):
        _reader.read_checkpoint(tmp_path / "net.pth")


def fake_torch_utils():
    return sys.modules["torch._utils"]


def test_hostile_pickle_in_a_zip_runs_nothing(tmp_path):
    marker = tmp_path / "marker"
    program = b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    pickle.loads(program)
    assert marker.exists()
    marker.unlink()
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("net/data.pkl", program)
    with pytest.raises(ValueError, match="do not unpickle"):
        _reader.read_checkpoint(tmp_path / "net.pth")
    legacy = _torch_file.LEGACY_MAGIC + program
    (tmp_path / "old.pth").write_bytes(legacy)
    with pytest.raises(ValueError, match="do not unpickle"):
        _reader.read_checkpoint(tmp_path / "old.pth")
    assert not marker.exists()


def test_legacy_magic_is_that_of_pytorch():
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    assert magic == _torch_file.LEGACY_MAGIC


def write_safetensors(path, arrays):
    """Writes the format by hand: size, JSON header, raw values."""
    header, raw = {}, b""
    for name, array in arrays.items():
        start = len(raw)
        raw += array.tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": array.shape,
            "data_offsets": [start, len(raw)],
        }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw)


def test_safetensors_are_read(tmp_path):
    pytest.importorskip("safetensors")
    array = np.arange(6, dtype="float32").reshape(2, 3)
    write_safetensors(tmp_path / "net.safetensors", {"fc.weight": array})
    contents = _reader.read_checkpoint(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(contents.tensors["fc.weight"].read(), array)
    damaged = (tmp_path / "net.safetensors").read_bytes()[:-4]
    (tmp_path / "cut.safetensors").write_bytes(damaged)
    with pytest.raises(ValueError, match="Download it again"):
        _reader.read_checkpoint(tmp_path / "cut.safetensors")


def test_missing_safetensors_gets_a_hint(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    write_safetensors(tmp_path / "net.safetensors", {"a": np.zeros(1, "f4")})
    with pytest.raises(ImportError, match="pip install"):
        _reader.read_checkpoint(tmp_path / "net.safetensors")


def test_missing_file_and_file_without_tensors_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Check the path"):
        _reader.read_checkpoint(tmp_path / "nothing.pth")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2], 2))
    with pytest.raises(ValueError, match="Check that it is a checkpoint"):
        _reader.read_checkpoint(tmp_path / "list.pkl")


def test_view_by_hand():
    flat = np.arange(10)
    view = _tensors.strided(flat, 1, (2, 2), (5, 3))
    np.testing.assert_array_equal(view, [[1, 4], [6, 9]])
    with pytest.raises(ValueError, match="damaged"):
        _tensors.strided(flat, 2, (2, 2), (5, 3))
