"""Runs done one after another here, or several at a time in processes."""

import collections
import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

import tensorflow as tf
import tqdm

from gblend_keras.comparison import _tasks
from gblend_keras.training import failures
from gblend_keras.utils import processes

# TensorFlow keeps some 5 MB of every model that a process has trained
# (measured on the toy recipe), so a process is replaced after so many.
RUNS_A_PROCESS = 20


class Crew:
    """Does runs, and ends what it has started when the `with` block ends.

    With one job the runs are done in this process, one after another, and
    show their progress. With several, each process keeps TensorFlow loaded
    and does one run after another; what a run prints goes to `run.log` in
    its folder.

    Args:
        jobs: How many runs at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []

    def outcomes(self, todo: Sequence[_tasks.Task]) -> Iterator[_tasks.Outcome]:
        """Does runs and yields what came of each, as they end.

        Args:
            todo: The runs, in the order in which they begin.

        Yields:
            One outcome a run. A process that dies makes its run a failed one.
        """
        if self._jobs == 1:
            for task in todo:
                yield _tasks.perform(task)
            return
        waiting = collections.deque(todo)
        busy: list[_Worker] = []
        while waiting or busy:
            while waiting and len(busy) < self._jobs:
                busy.append(self._idle_worker())
                busy[-1].give(waiting.popleft())
            ready = connection.wait([each.pipe for each in busy])
            for worker in [each for each in busy if each.pipe in ready]:
                busy.remove(worker)
                yield worker.take()

    def _idle_worker(self) -> "_Worker":
        for worker in list(self._workers):
            if worker.is_worn and not worker.is_busy:
                self._workers.remove(worker)
                worker.end()
        for worker in self._workers:
            if not worker.is_busy:
                return worker
        self._workers.append(_Worker(max(1, num_cores() // self._jobs)))
        return self._workers[-1]


def num_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A process that does one run after another."""

    def __init__(self, threads: int) -> None:
        self._worker = processes.Worker(
            _perform, functools.partial(_set_up, threads)
        )
        self._died = False

    @property
    def pipe(self) -> Any:
        """Is ready to be read when a run has ended."""
        return self._worker.connection

    @property
    def is_busy(self) -> bool:
        """Whether it is doing a run."""
        return self._worker.task is not None and not self._died

    @property
    def is_worn(self) -> bool:
        """Whether another process should do the next run."""
        return self._died or self._worker.num_tasks >= RUNS_A_PROCESS

    def give(self, task: _tasks.Task) -> None:
        """Sends a run to be done."""
        self._worker.begin(task)

    def take(self) -> _tasks.Outcome:
        """Receives what came of the run."""
        task: _tasks.Task = self._worker.task
        try:
            _, outcome = self._worker.hear()
        except processes.Died as death:
            self._died = True
            return _died(task, death.exit_code)
        found: _tasks.Outcome = outcome
        return found

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._worker.stop()


def _died(task: _tasks.Task, exit_code: int) -> _tasks.Outcome:
    reason = (
        "Its process ended in the middle of the run, with exit code "
        f"{exit_code}. See {_tasks.LOG} in its folder; where "
        "memory ran out, use fewer --jobs."
    )
    failures.record(task.run.workdir, "ProcessDied", reason)
    return _tasks.Outcome(task.label, error="ProcessDied", reason=reason)


def _set_up(threads: int) -> None:
    """Makes a process leave room for those beside it."""
    # No lock of the system, which would outlive a process that is ended.
    tqdm.tqdm.set_lock(threading.RLock())
    tf.get_logger().setLevel("ERROR")
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if "TF_NUM_INTEROP_THREADS" not in os.environ:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def _perform(
    task: _tasks.Task, report: Callable[[str], None]
) -> _tasks.Outcome:
    """Does a run; what it prints goes to its log."""
    del report  # a run has no parts
    with _logging_to(task.run.workdir / _tasks.LOG):
        return _tasks.perform(task)


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Sends all that is printed, TensorFlow's own lines too, to a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("ab")
    except OSError:
        yield  # the run will say what is wrong with its folder
        return
    kept = [os.dup(1), os.dup(2)]
    try:
        with opened:
            os.dup2(opened.fileno(), 1)
            os.dup2(opened.fileno(), 2)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
