"""Signals: the first ends a program in order, the second at once."""

import os
import signal
import subprocess
import sys

import pytest

from gblend_keras.utils import signals


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_first_signal_leaves_in_order_and_a_second_at_once(name, code):
    program = (
        "import os, signal, time\n"
        "from gblend_keras.utils import signals\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with signals.leaving_on_signals():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        print('closed', flush=True)\n"
        "        if {again}:\n"
        f"            os.kill(os.getpid(), signal.{name})\n"
        "            time.sleep(60)\n"
        "        print('ended', flush=True)\n"
    )
    for again, said in ((0, "closed\nended\n"), (1, "closed\n")):
        done = subprocess.run(
            [sys.executable, "-c", program.replace("{again}", str(again))],
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert (done.returncode, done.stdout) == (code, said)
        assert done.stderr.splitlines() == [
            f"{name}: What was finished is saved; the same command goes on."
        ]


def test_stop_that_came_back_as_another_error_is_still_a_stop():
    with (
        pytest.raises(SystemExit) as raised,
        signals.leaving_on_signals(),
    ):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit as error:
            raise RuntimeError("UnknownError: SystemExit: 143") from error
    assert raised.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_ignored_signal_stays_ignored(tmp_path):
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.leaving_on_signals(), signals.held_back():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)
