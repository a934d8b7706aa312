"""Hostile pickles are refused and run nothing; plain arrays are read."""

import builtins
import collections
import copyreg
import io
import os
import pickle
import struct
import subprocess

import numpy as np
import pytest
from numpy.testing._private import utils as numpy_utils

from gblend_keras.converters import _large_pickle
from gblend_keras.converters import _reader
from gblend_keras.converters import _restricted_pickle
from gblend_keras.converters import _tensors
from gblend_keras.converters import _torch_file

PROTOCOLS = range(6)


class Call:
    """Pickles as a call of `function(*args)`."""

    def __init__(self, function, *args):
        self.function = function
        self.args = args

    def __reduce__(self):
        return self.function, self.args


def touch(marker) -> str:
    return f"open({str(marker)!r}, 'w').close()"


def calls(marker):
    """Returns live payloads: unpickled, each makes `marker` appear."""
    shell = f"touch '{marker}'"
    return {
        "os.system": Call(os.system, shell),
        "builtins.eval": Call(eval, touch(marker)),
        "builtins.exec": Call(exec, touch(marker)),
        "subprocess": Call(subprocess.check_call, ["touch", str(marker)]),
        "numpy runstring": Call(numpy_utils.runstring, touch(marker), {}),
        "inside a list": [1, {"blobs": [Call(os.system, shell)]}],
        "as a key": {Call(os.system, shell): 1},
    }


NAMES = list(calls("x"))


def refuse(data: bytes, **options) -> str:
    with pytest.raises(ValueError, match="do not unpickle") as error:
        _restricted_pickle.loads(data, "bad.pkl", **options)
    return str(error.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", NAMES)
def test_hostile_pickle_is_refused_and_runs_nothing(name, protocol, tmp_path):
    marker = tmp_path / "marker"
    data = pickle.dumps(calls(marker)[name], protocol)
    for names in (_restricted_pickle.NUMPY_NAMES, _torch_file.NAMES):
        refuse(data, names=names)
    assert not marker.exists()
    pickle.loads(data)  # the payload is live
    assert marker.exists()


def by_hand(marker) -> dict[str, bytes]:
    """Returns programs that no pickler writes, one an opcode that calls."""
    shell = f"touch '{marker}'".encode()
    text = b"\x8c" + bytes([len(shell)]) + shell  # SHORT_BINUNICODE
    return {
        "INST": b"(S'" + shell.replace(b"'", b"\\'") + b"'\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + text + b"o.",
        "REDUCE": b"cos\nsystem\n" + text + b"\x85R.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + text
        + b"\x85R.",
        "dotted STACK_GLOBAL": b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93"
        + text + b"\x85R.",
        "posix": b"cposix\nsystem\n" + text + b"\x85R.",
        "Python 2 name": b"c__builtin__\neval\n\x8c\x01"
        + b"1\x85R.",
        "NEWOBJ": b"csubprocess\nPopen\n" + text + b"\x85\x81.",
        "memo": b"cos\nsystem\n\x94" + text + b"\x94h\x00h\x01\x85R.",
    }  # fmt: skip


@pytest.mark.parametrize("name", by_hand("x"))
def test_every_opcode_that_calls_is_refused(name, tmp_path):
    marker = tmp_path / "marker"
    message = refuse(by_hand(marker)[name])
    assert "the name" in message
    assert not marker.exists()


def test_a_payload_by_hand_is_live(tmp_path):
    marker = tmp_path / "marker"
    for name in ("INST", "OBJ", "REDUCE", "STACK_GLOBAL", "memo"):
        pickle.loads(by_hand(marker)[name])
        assert marker.exists()
        marker.unlink()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_reference_to_something_outside_is_refused(protocol):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return "os.system" if value == "me" else None

    file = io.BytesIO()
    Pickler(file, protocol).dump(["me"])
    assert "outside" in refuse(file.getvalue())
    refuse(file.getvalue(), storages=lambda pid: Call)


def test_extension_code_is_refused_even_when_in_use(tmp_path):
    marker = tmp_path / "marker"
    code = 0x7FFF_0001
    module = os.system.__module__
    copyreg.add_extension(module, "system", code)
    try:
        data = pickle.dumps(Call(os.system, f"touch '{marker}'"), 2)
        assert b"system" not in data
        pickle.loads(data)  # puts the function into the cache
        assert marker.exists()
        marker.unlink()
        refuse(data)
        assert not marker.exists()
    finally:
        copyreg.remove_extension(module, "system", code)


@pytest.mark.parametrize(
    "target",
    ["numpy\nndarray", "collections\nOrderedDict", "numpy\ndtype"],
)
def test_what_a_name_means_cannot_be_changed(target):
    # BUILD with (None, {attribute: value}) sets attributes of anything.
    program = (
        b"c" + target.encode() + b"\n"
        b"N}\x8c\x0c__setstate__cnumpy\nndarray\ns\x86b."
    )
    refuse(program)
    array = np.arange(3)
    again = _restricted_pickle.loads(pickle.dumps({"a": array}, 2), "x")
    np.testing.assert_array_equal(again["a"], array)


def test_attributes_of_a_dict_are_ignored():
    # OrderedDict([("a", 1)]), then BUILD with the attributes {"items": 2}.
    program = (
        b"ccollections\nOrderedDict\n]\x8c\x01aK\x01\x86a\x85R"
        b"}\x8c\x05itemsK\x02sb."
    )
    assert pickle.loads(program).items == 2
    assert _restricted_pickle.loads(program, "x") == {"a": 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.array([{}], dtype=object), "type"),
        (np.zeros(2, dtype=[("a", "f4")]), "type"),
        (np.array(["a"]), "type"),
        (np.zeros(1, "c8"), "type"),
        (np.ndarray, "StandIn"),
        (np.ma.array([1.0]), "ma"),
        (collections.Counter("a"), "Counter"),
        (range(3), "range"),
        (builtins.print, "print"),
    ],
)
def test_anything_but_arrays_of_numbers_is_refused(value, reason):
    assert reason in refuse(pickle.dumps({"a": value}, 2))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"garbage that is no pickle",
        pickle.dumps({"a": np.zeros(4)}, 2)[:-20],
        b"(lp0\ng0\na.",  # a list that holds itself
    ],
)
def test_damaged_pickle_is_refused(data):
    refuse(data)


def test_small_file_does_not_become_a_huge_object():
    value = []
    for _ in range(60):  # 2 ** 60 entries, were each walked by itself
        value = [value, value]
    data = pickle.dumps(value, 2)
    assert len(data) < 1000
    assert len(_restricted_pickle.loads(data, "x")) == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="float32").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
        np.array([True, False]),
        np.zeros((0, 3), "int64"),
        np.arange(3, dtype="float16")[::-1],
        np.array(2.5),
    ],
)
def test_arrays_of_every_protocol_are_read(array, protocol):
    value = {"blobs": {"w": array}, "n": (1, [2.5, None, "x", np.int64(3)])}
    again = _restricted_pickle.loads(pickle.dumps(value, protocol), "x")
    np.testing.assert_array_equal(again["blobs"]["w"], array)
    assert again["n"] == value["n"]


def python_2_pickle(name: bytes, array: np.ndarray) -> bytes:
    """Returns `{'blobs': {name: array}}` as Python 2's cPickle writes it.

    The bytes of an array are a BINSTRING there, which Python 3 never writes.
    """
    raw = array.tobytes()
    shape = b"(" + b"".join(b"K" + bytes([n]) for n in array.shape) + b"t"
    code = array.dtype.str[1:].encode()
    return (
        b"\x80\x02}q\x01U\x05blobsq\x02}q\x03U"
        + bytes([len(name)])
        + name
        + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + b"K\x00\x85U\x01b\x87R(K\x01"
        + shape
        + b"cnumpy\ndtype\nU\x02"
        + code
        + b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        + b"K\x00tb\x89T"
        + struct.pack("<i", len(raw))
        + raw
        + b"tbss."
    )


def test_pickle_of_python_2_is_read(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 2, 5)).astype("float32")
    path = tmp_path / "net.pkl"
    path.write_bytes(python_2_pickle(b"conv1_w", array))
    contents = _reader.read_checkpoint(path)
    assert contents.tensors["conv1_w"].shape == (3, 2, 5)
    np.testing.assert_array_equal(contents.tensors["conv1_w"].read(), array)


def test_large_array_of_python_2_stays_in_the_file(tmp_path):
    array = np.random.default_rng(0).normal(size=(90, 100)).astype("float32")
    path = tmp_path / "net.pkl"
    path.write_bytes(python_2_pickle(b"w", array))
    content = _large_pickle.load(path)
    tensor = content["blobs"]["w"]
    assert isinstance(tensor, _tensors.Tensor) and tensor.shape == (90, 100)
    np.testing.assert_array_equal(tensor.read(), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_arrays_of_every_protocol_are_read(protocol, order, tmp_path):
    array = np.arange(6000, dtype="float32").reshape(60, 100).copy(order)
    value = {"a": array, "same": array, "text": "\u20ac" * 5000, "n": 3}
    value["bytes"] = bytes(range(256)) * 100
    path = tmp_path / "net.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    again = _large_pickle.load(path)
    for name in ("a", "same"):
        read = again[name]
        read = read.read() if isinstance(read, _tensors.Tensor) else read
        np.testing.assert_array_equal(read, array)
    for name in ("text", "bytes", "n"):
        assert again[name] == value[name]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", NAMES)
def test_hostile_file_with_large_arrays_runs_nothing(name, protocol, tmp_path):
    marker = tmp_path / "marker"
    value = {"blobs": {"w": np.zeros(5000)}, "bad": calls(marker)[name]}
    path = tmp_path / "net.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(ValueError, match="do not unpickle"):
        _reader.read_checkpoint(path)
    assert not marker.exists()


def test_large_array_of_a_wrong_size_is_refused(tmp_path):
    data = python_2_pickle(b"w", np.zeros((90, 100), "float32"))
    path = tmp_path / "net.pkl"
    path.write_bytes(data.replace(b"K\x5aK\x64t", b"K\x5aK\x65t"))
    with pytest.raises(ValueError, match="36000 bytes"):
        _reader.read_checkpoint(path)
    path.write_bytes(data[:-1000])
    with pytest.raises(ValueError, match="do not unpickle"):
        _reader.read_checkpoint(path)


def test_array_of_a_wrong_size_is_refused():
    data = python_2_pickle(b"w", np.zeros((2, 3), "float32"))
    assert "24 bytes" in refuse(data.replace(b"K\x02K\x03t", b"K\x02K\x09t"))
