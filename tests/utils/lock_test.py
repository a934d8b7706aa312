"""Locks: one holder at a time, none left of a process that is gone."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from gblend_keras.utils import lock

HOLD = (
    "import sys, time, pathlib\n"
    "from gblend_keras.utils import lock\n"
    "with lock.held(pathlib.Path(sys.argv[1])):\n"
    "    print('ready', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_lock_that_is_held_names_the_process(holder, tmp_path):
    with (
        pytest.raises(lock.InUseError, match=f"process {holder.pid} on"),
        lock.held(tmp_path / "lock"),
    ):
        pass
    # Whoever asked in vain has not emptied the file.
    assert f"process {holder.pid} on" in (tmp_path / "lock").read_text()


def test_lock_of_a_killed_process_is_free(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").exists()
    with lock.held(tmp_path / "lock"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_who_waits_gets_the_lock_when_it_is_let_go(tmp_path):
    order = []

    def second():
        with lock.held(tmp_path / "lock", wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with lock.held(tmp_path / "lock"):
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(10.0)
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_locked_is_used_with_a_warning(
    tmp_path, monkeypatch, caplog
):
    def refuse(handle, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with (
        caplog.at_level("WARNING", logger="absl"),
        lock.held(tmp_path / "lock"),
    ):
        pass
    assert "No locks available" in caplog.text
