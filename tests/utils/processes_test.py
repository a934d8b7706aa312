"""Worker processes: results, errors and deaths reach the caller."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from gblend_keras.utils import processes
from tests.data import dying


class Listener:
    """Collects what it is told; replaces the task of the dead."""

    def __init__(self, instead=0):
        self.results, self.deaths, self.steps = {}, [], []
        self.instead = instead

    def on_step(self, task, step):
        self.steps.append(step)

    def on_done(self, task, result):
        self.results[task] = result

    def on_death(self, task, step, exit_code):
        self.deaths.append((task, step, exit_code))
        return self.instead


def run(tasks, num_workers=2):
    listener = Listener()
    processes.run(
        dying.square,
        tasks,
        listener,
        num_workers=num_workers,
        prepare=dying.ready,
    )
    return listener


def test_every_task_is_done_once_by_more_or_fewer_workers():
    for num_workers in (1, 3):
        listener = run([1, 2, 3, 4], num_workers)
        assert listener.results == {1: 1, 2: 4, 3: 9, 4: 16}
        assert sorted(listener.steps) == [f"step {n}" for n in (1, 2, 3, 4)]
    assert not multiprocessing.active_children()


def test_no_task_needs_no_worker():
    assert run([]).results == {}


@pytest.mark.parametrize(
    ("task", "step", "code"),
    [
        ("crash", "step crash", -signal.SIGSEGV),
        ("exit", "step exit", 3),
        ("at once", None, -signal.SIGKILL),
    ],
)
def test_death_is_told_and_another_task_done_instead(task, step, code):
    listener = run([task, 5])
    assert listener.deaths == [(task, step, code)]
    assert listener.results == {0: 0, 5: 25}


def test_error_of_a_worker_is_raised_and_the_others_end():
    with pytest.raises(OSError, match="No space left") as caught:
        run(["sleep", "raise"])
    assert caught.value.errno == 28
    assert "In a worker process" in caught.value.__notes__[0]
    assert not multiprocessing.active_children()


def test_worker_that_is_killed_from_outside_is_noticed():
    def kill():
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        time.sleep(0.5)
        os.kill(children[0].pid, signal.SIGKILL)

    threading.Thread(target=kill).start()
    listener = run(["sleep"], num_workers=1)
    assert listener.deaths[0][2] == -signal.SIGKILL
    assert listener.results == {0: 0}
