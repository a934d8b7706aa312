"""Runs done one after another here, or several at a time in processes."""

import collections
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import tensorflow as tf
import tqdm

from gblend_keras.comparison import tasks
from gblend_keras.training import failures

# TensorFlow keeps some 5 MB of every model that a process has trained
# (measured on the toy recipe), so a process is replaced after so many.
RUNS_A_PROCESS = 20
_STOP_SECONDS = 5.0  # before a process that does not end is killed


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

    def outcomes(self, todo: Sequence[tasks.Task]) -> Iterator[tasks.Outcome]:
        """Does runs and yields what came of each, as they end.

        Args:
            todo: The runs, in the order in which they begin.

        Yields:
            One outcome a run. A process that dies makes its run a failed one.
        """
        if self._jobs == 1:
            for task in todo:
                yield tasks.perform(task)
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
        # A fresh interpreter: a forked one would share TensorFlow's threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, threads), daemon=True
        )
        self._process.start()
        theirs.close()  # so that the end of the process is seen in the pipe
        self._task: tasks.Task | None = None
        self._num_runs = 0
        self._died = False

    @property
    def is_busy(self) -> bool:
        """Whether it is doing a run."""
        return self._task is not None

    @property
    def is_worn(self) -> bool:
        """Whether another process should do the next run."""
        return self._died or self._num_runs >= RUNS_A_PROCESS

    def give(self, task: tasks.Task) -> None:
        """Sends a run to be done."""
        self._task = task
        self._num_runs += 1
        with contextlib.suppress(OSError):  # it died: `take` will say so
            self.pipe.send(task)

    def take(self) -> tasks.Outcome:
        """Receives what came of the run."""
        task, self._task = self._task, None
        if task is None:
            raise RuntimeError("No run was given to this process.")
        try:
            outcome: tasks.Outcome = self.pipe.recv()
            return outcome
        except (EOFError, OSError):
            return self._failed(task)

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        if self.is_busy or self._died:
            self._process.terminate()
        self.pipe.close()  # an idle process ends by itself
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _failed(self, task: tasks.Task) -> tasks.Outcome:
        self._died = True
        self._process.join(_STOP_SECONDS)
        reason = (
            "Its process ended in the middle of the run, with exit code "
            f"{self._process.exitcode}. See {tasks.LOG} in its folder; where "
            "memory ran out, use fewer --jobs."
        )
        failures.record(task.run.workdir, "ProcessDied", reason)
        return tasks.Outcome(task.label, error="ProcessDied", reason=reason)


def serve(pipe: "Connection[Any, Any]", threads: int) -> None:
    """Does the runs that come through a pipe: the main of a process.

    Args:
        pipe: Tasks come in, outcomes go out.
        threads: Threads that TensorFlow may use for one operation.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # No lock of the system, which would outlive a process that is ended.
    tqdm.tqdm.set_lock(threading.RLock())
    _divide_devices(threads)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        with _logging_to(task.run.workdir / tasks.LOG):
            outcome = tasks.perform(task)
        pipe.send(outcome)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _divide_devices(threads: int) -> None:
    """Keeps processes that run side by side from taking everything."""
    tf.get_logger().setLevel("ERROR")
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if "TF_NUM_INTEROP_THREADS" not in os.environ:
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


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
