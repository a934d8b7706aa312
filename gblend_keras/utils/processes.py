"""Worker processes whose death is noticed, whoever dies.

`concurrent.futures` gives up all work when one process dies and does not say
what that process was doing. A decoder in C can crash on a damaged file; here
the caller learns on which one, and decides.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from multiprocessing import connection as connections
from typing import Any
from typing import Protocol

_STEP, _DONE, _FAILED = "step", "done", "failed"
_JOIN_SECONDS = 5.0


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


class _Worker:
    """One process, and what it is at."""

    def __init__(
        self,
        work: Callable[[Any, Callable[[str], None]], Any],
        prepare: Callable[[], None],
    ) -> None:
        # Spawned: a fork would copy threads' locks and all of TensorFlow.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, work, prepare), daemon=True
        )
        self.process.start()
        theirs.close()  # or its death would not end the connection
        self.task: Any = None
        self.step: str | None = None

    def begin(self, task: Any) -> None:
        self.task, self.step = task, None
        # Who has died is found when its answer is read.
        with contextlib.suppress(OSError):
            self.connection.send(task)

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(_JOIN_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def run(
    work: Callable[[Any, Callable[[str], None]], Any],
    tasks: Sequence[Any],
    listener: Listener,
    *,
    num_workers: int,
    prepare: Callable[[], None],
) -> None:
    """Does all tasks in worker processes, in order of their start.

    Args:
        work: `work(task, report) -> result`, a function of a module; calls
            `report(step)` where it begins with a part of the task.
        tasks: What to do. Can be pickled.
        listener: Told about every step, result and death.
        num_workers: Processes; no more than tasks are started.
        prepare: Called in the process before each task.

    Raises:
        Exception: What `work` raised; the other workers are stopped then.
    """
    waiting = deque(tasks)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.task is not None for worker in workers):
            for worker in workers:
                if worker.task is None and waiting:
                    worker.begin(waiting.popleft())
            while waiting and len(workers) < num_workers:
                workers.append(_Worker(work, prepare))
                workers[-1].begin(waiting.popleft())
            for worker in _ready(workers):
                _hear(worker, listener, waiting)
            workers = [each for each in workers if not each.connection.closed]
    finally:
        for worker in workers:
            worker.stop()


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Waits until a busy worker has something to say, or has died."""
    busy = {w.connection: w for w in workers if w.task is not None}
    return [busy[each] for each in connections.wait(list(busy))]  # type: ignore[index]


def _hear(worker: _Worker, listener: Listener, waiting: "deque[Any]") -> None:
    """Reads one message; a worker that died leaves its task to another."""
    try:
        kind, value = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(_JOIN_SECONDS)  # it is about to end by itself
        worker.stop()
        waiting.appendleft(
            listener.on_death(
                worker.task, worker.step, worker.process.exitcode or 0
            )
        )
        return
    if kind == _STEP:
        worker.step = value
        listener.on_step(worker.task, value)
    elif kind == _DONE:
        task, worker.task = worker.task, None
        listener.on_done(task, value)
    else:
        error, trace = value
        error.add_note(f"In a worker process:\n{trace}")
        raise error


def _serve(
    connection: Any,
    work: Callable[[Any, Callable[[str], None]], Any],
    prepare: Callable[[], None],
) -> None:
    """Runs in the worker: does one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            prepare()
            result = work(task, lambda step: connection.send((_STEP, step)))
            connection.send((_DONE, result))
        except Exception as error:
            connection.send((_FAILED, (error, traceback.format_exc())))


def _die_with_parent() -> None:
    """Ends this process when its parent is gone, in the midst of work too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connections.wait([parent.sentinel])
        os._exit(1)
