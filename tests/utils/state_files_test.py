"""State files: whole, checked, and written in spite of signals."""

import os
import signal
import stat
import threading
import zipfile

import ml_dtypes
import numpy as np
import pytest

from gblend_keras.utils import files
from gblend_keras.utils import signals
from gblend_keras.utils import state_files

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(7, np.int64),
    "none": np.zeros((0, 2), np.float16),
    "short": np.array([1.5, -2.0], ml_dtypes.bfloat16),
    "flags": np.array([True, False]),
}


def written(folder, meta=None):
    path = folder / "a.state.zip"
    state_files.write(path, meta or {"epochs": 3}, ARRAYS.items())
    return path


def read(path):
    with state_files.reading(path) as state:
        return state.meta, {name: state.array(name) for name in state.names}


def test_arrays_of_every_kind_come_back_bit_for_bit(tmp_path):
    meta, arrays = read(written(tmp_path))
    assert meta == {"epochs": 3}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_file_is_a_plain_archive_and_equal_states_are_equal_files(tmp_path):
    path = written(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("matrix") == ARRAYS["matrix"].tobytes()
    first = path.read_bytes()
    assert written(tmp_path).read_bytes() == first


def test_any_flipped_byte_is_found_or_harmless(tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    truth = read(path)
    found = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            meta, arrays = read(path)
        except ValueError:
            found += 1
            continue
        # A date or an attribute: nothing of it is used.
        assert meta == truth[0]
        for name, array in truth[1].items():
            assert arrays[name].tobytes() == array.tobytes()
            assert arrays[name].dtype == array.dtype
    assert found > len(whole) / 2


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_file_that_is_cut_short_is_damaged(tmp_path, share):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(state_files.DamagedError, match="Remove the file."):
        read(path)


def test_state_file_of_another_format_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(state_files, "FORMAT", 99)
        path = written(tmp_path)
    with pytest.raises(ValueError, match="Use the version that wrote it"):
        read(path)


def test_what_killed_processes_left_is_removed(tmp_path):
    (tmp_path / ".partial-x.zip").write_bytes(b"half")
    (tmp_path / "mine").write_bytes(b"whole")
    files.remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = written(tmp_path)
    before = path.read_bytes()

    def failing():
        yield "matrix", ARRAYS["matrix"]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        state_files.write(path, {}, failing())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.fixture
def sigint_heard():
    """Shells start programs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_heard")
def test_signal_waits_until_the_file_is_written(tmp_path):
    path = tmp_path / "a.state.zip"

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        yield from ARRAYS.items()

    with pytest.raises(KeyboardInterrupt):
        state_files.write(path, {}, interrupted())
    assert len(read(path)[1]) == len(ARRAYS)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_cannot_wait_for_signals_but_can_write(tmp_path):
    caught = []

    def work():
        written(tmp_path)
        try:
            with signals.leaving_on_signals():
                pass
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught[0].endswith("Call it around the program's main function.")
    assert read(tmp_path / "a.state.zip")[0] == {"epochs": 3}
