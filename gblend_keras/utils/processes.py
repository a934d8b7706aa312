"""Worker processes whose death is noticed, whoever dies.

`concurrent.futures` gives up all work when one process dies and does not say
what that process was doing. A decoder in C can crash on a damaged file; here
the caller learns on which one, and decides.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from multiprocessing import connection as connections
from typing import Any
from typing import Protocol

from gblend_keras.utils import noise

Work = Callable[[Any, Callable[[str], None]], Any]

STEP, DONE, _FAILED = "step", "done", "failed"
_JOIN_SECONDS = 5.0  # before a process that does not end is killed


class Listener(Protocol):
    """What the caller is told, in its own process."""

    def on_step(self, task: Any, step: str) -> None:
        """A worker begins with a step of a task."""

    def on_done(self, task: Any, result: Any) -> None:
        """A task is done."""

    def on_death(self, task: Any, step: str | None, exit_code: int) -> Any:
        """A worker died; returns the task to do instead, or raises.

        `step` is the last one it reported; None if it did not get so far.
        """


class Died(Exception):  # noqa: N818 (a message, as `StopIteration` is)
    """A process ended before its task was done.

    Attributes:
        exit_code: Negative: the signal that ended it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"The process ended with exit code {exit_code}.")
        self.exit_code = exit_code


class Worker:
    """One process that does one task after another, and what it is at.

    Attributes:
        connection: Is ready to be read when `hear` has something to say.
        task: What it is doing; None when it is idle.
        step: What `work` reported last of this task.
        num_tasks: How many it has begun.

    Args:
        work: `work(task, report) -> result`, a function of a module; calls
            `report(step)` where it begins with a part of the task.
        prepare: Called once in the process, before its first task.
    """

    def __init__(self, work: Work, prepare: Callable[[], None]) -> None:
        # Spawned: a fork would copy threads' locks and all of TensorFlow.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve,
            # Unpickled there, for that may load TensorFlow.
            args=(theirs, pickle.dumps((work, prepare))),
            daemon=True,
        )
        self._process.start()
        theirs.close()  # or its death would not end the connection
        self.task: Any = None
        self.step: str | None = None
        self.num_tasks = 0

    def begin(self, task: Any) -> None:
        """Sends a task to be done."""
        self.task, self.step = task, None
        self.num_tasks += 1
        # Who has died is found when its answer is read.
        with contextlib.suppress(OSError):
            self.connection.send(task)

    def hear(self) -> tuple[str, Any]:
        """Reads one message.

        Returns:
            `(STEP, step)`, or `(DONE, result)`: then it is idle again.

        Raises:
            Died: If the process is gone; `task` is what it was doing.
            Exception: What `work` raised.
        """
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(_JOIN_SECONDS)  # it is about to end by itself
            raise Died(self._process.exitcode or 0) from error
        if kind == STEP:
            self.step = value
        else:
            self.task = None
        if kind == _FAILED:
            failure, trace = value
            failure.add_note(f"In a worker process:\n{trace}")
            raise failure
        return kind, value

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        if self.task is not None:
            self._process.terminate()
        self.connection.close()  # an idle process ends by itself
        self._process.join(_JOIN_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run(
    work: Work,
    tasks: Sequence[Any],
    listener: Listener,
    *,
    num_workers: int,
    prepare: Callable[[], None],
) -> None:
    """Does all tasks in worker processes, in order of their start.

    Args:
        work: See `Worker`.
        tasks: What to do. Can be pickled.
        listener: Told about every step, result and death.
        num_workers: Processes; no more than tasks are started.
        prepare: See `Worker`.

    Raises:
        Exception: What `work` raised; the other workers are stopped then.
    """
    waiting = deque(tasks)
    workers: list[Worker] = []
    try:
        while waiting or any(worker.task is not None for worker in workers):
            for worker in workers:
                if worker.task is None and waiting:
                    worker.begin(waiting.popleft())
            while waiting and len(workers) < num_workers:
                workers.append(Worker(work, prepare))
                workers[-1].begin(waiting.popleft())
            busy = {w.connection: w for w in workers if w.task is not None}
            # Those that have something to say, or have died.
            for ready in connections.wait(list(busy)):
                _hear(busy[ready], listener, waiting)  # type: ignore[index]
            workers = [each for each in workers if not each.connection.closed]
    finally:
        for worker in workers:
            worker.stop()


def _hear(worker: Worker, listener: Listener, waiting: "deque[Any]") -> None:
    """Passes one message on; who died leaves the task to another."""
    task = worker.task
    try:
        kind, value = worker.hear()
    except Died as death:
        worker.stop()
        waiting.appendleft(
            listener.on_death(task, worker.step, death.exit_code)
        )
        return
    if kind == STEP:
        listener.on_step(task, value)
    else:
        listener.on_done(task, value)


def _serve(connection: Any, pickled: bytes) -> None:
    """Runs in the worker: does one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with noise.left_out():
        work, prepare = pickle.loads(pickled)
    is_prepared = False
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            if not is_prepared:
                prepare()
                is_prepared = True
            result = work(task, lambda step: connection.send((STEP, step)))
            connection.send((DONE, result))
        except Exception as error:
            connection.send((_FAILED, (error, traceback.format_exc())))


def _die_with_parent() -> None:
    """Ends this process when its parent is gone, in the midst of work too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connections.wait([parent.sentinel])
        os._exit(1)
