"""Kept arrays: never believed when damaged, never needed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gblend_keras.data.sets import cache


class _Maker:
    """Makes two small arrays and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"a": np.arange(6.0).reshape(2, 3), "b": np.array([7])}


def _kept(folder: Path, make: _Maker, key: str = "key"):
    return cache.kept("set", key=key, make=make, cache_dir=folder)


def _assert_right(values) -> None:
    assert sorted(values) == ["a", "b"]
    np.testing.assert_array_equal(values["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(values["b"], [7])


def test_second_call_reads_what_the_first_made(tmp_path):
    make = _Maker()
    for _ in range(2):
        _assert_right(_kept(tmp_path / "new" / "folder", make))
    assert make.calls == 1
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


def test_another_key_is_another_set(tmp_path):
    make = _Maker()
    _kept(tmp_path, make, key="version 1")
    _kept(tmp_path, make, key="version 2")
    assert make.calls == 2


def test_file_under_the_name_of_another_key_is_not_believed(tmp_path):
    make = _Maker()
    _kept(tmp_path, make, key="old")
    (old,) = tmp_path.iterdir()
    _kept(tmp_path, make, key="new")
    (new,) = set(tmp_path.iterdir()) - {old}
    old.replace(new)
    _assert_right(_kept(tmp_path, make, key="new"))
    assert make.calls == 3


def test_no_flipped_byte_gives_wrong_arrays(tmp_path):
    make = _Maker()
    _kept(tmp_path, make)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        file.write_bytes(damaged)
        _assert_right(_kept(tmp_path, make))
    assert make.calls > 50  # the rest is unused: dates, attributes


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_truncated_file_is_made_again(tmp_path, size):
    make = _Maker()
    _kept(tmp_path, make)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    for _ in range(2):
        _assert_right(_kept(tmp_path, make))
    assert make.calls == 2  # and the new file is read


def test_arrays_are_made_each_time_where_nothing_can_be_written(
    tmp_path, caplog
):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    make = _Maker()
    for _ in range(2):
        _assert_right(_kept(blocked / "folder", make))
    assert make.calls == 2
    assert "Set GBLEND_CACHE to a folder that can be written." in caplog.text


def test_failure_while_making_leaves_no_file(tmp_path):
    def fail() -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.kept("set", key="key", make=fail, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_make_it_at_once_all_get_it(tmp_path):
    program = (
        "import sys, numpy as np\n"
        "from gblend_keras.data.sets import cache\n"
        "for turn in range(20):\n"
        "    made = cache.kept('set', key=str(turn), cache_dir=sys.argv[1],\n"
        "                      make=lambda: {'a': np.full(9999, turn)})\n"
        "    ok = np.array_equal(made['a'], np.full(9999, turn))\n"
        "    sys.exit('wrong') if not ok else None\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.iterdir())) == 20  # and nothing half written


def test_folder_is_the_one_that_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("GBLEND_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.folder() == Path("/home/someone/.cache/gblend_keras")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # as good as not set
    assert cache.folder() == Path("/home/someone/.cache/gblend_keras")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache.folder() == Path("/cache/gblend_keras")
    monkeypatch.setenv("GBLEND_CACHE", "~/mine")
    assert cache.folder() == Path("/home/someone/mine")


def test_user_without_a_home_still_gets_the_arrays(monkeypatch, caplog):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GBLEND_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    _assert_right(cache.kept("set", key="key", make=_Maker()))
    assert "Set GBLEND_CACHE" in caplog.text
