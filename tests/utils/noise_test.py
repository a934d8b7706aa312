"""TensorFlow's own lines are left out, and no others."""

import os
import subprocess
import sys
import time

import pytest

from gblend_keras.utils import noise
from tests.places import ROOT

LINES = (
    "WARNING: All log messages before absl::InitializeLog() is called",
    "I0000 00:00:1 1 port.cc:153] oneDNN custom operations are on.",
    "E0000 00:00:1 1 cuda_dnn.cc:8] Unable to register cuDNN factory",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "ImportError: libcudart.so.12",
    "I say what is wrong",
)
PROGRAM = """
import os, sys
from gblend_keras.utils import noise
with noise.left_out():
    for line in sys.argv[1:]:
        os.write(2, line.encode() + b"\\n")
print("after", file=sys.stderr)
"""


def said(level):
    environment = {**os.environ, noise.LEVEL: level, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *LINES],
        capture_output=True,
        text=True,
        env=environment,
    ).stderr.splitlines()


def test_lines_of_others_are_passed_on_in_order():
    assert said("3") == [*LINES[-2:], "after"]


@pytest.mark.parametrize("level", ["", "0", "1", "2"])
def test_who_asks_for_more_sees_everything(level):
    assert said(level) == [*LINES, "after"]


def test_errors_come_through_and_standard_error_comes_back(monkeypatch, capfd):
    monkeypatch.setenv(noise.LEVEL, "3")
    with pytest.raises(KeyError), noise.left_out():
        os.write(2, f"{LINES[0]}\n{LINES[-1]}\n".encode())
        raise KeyError
    os.write(2, b"I0000 x.cc:1] again\n")
    assert capfd.readouterr().err.splitlines() == [
        LINES[-1],
        "I0000 x.cc:1] again",
    ]


def test_a_process_that_holds_the_pipe_open_does_not_hang_us(monkeypatch):
    monkeypatch.setenv(noise.LEVEL, "3")
    monkeypatch.setattr(noise, "_SECONDS", 0.2)
    began = time.perf_counter()
    with noise.left_out():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    assert time.perf_counter() - began < 5
    child.communicate(b"\n")
