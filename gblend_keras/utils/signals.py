"""How a run ends early: by a signal, within seconds, or by a failure."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class RunError(RuntimeError):
    """A run that cannot go on for now: why, and what to do."""


@contextmanager
def leaving_on_signals(
    message: str = "What was finished is saved; the same command goes on.",
) -> Iterator[None]:
    """Makes the first SIGTERM or SIGINT end the program in good order.

    It becomes a `SystemExit` after the step, or the file, that is under way,
    with exit code 143 or 130, so that what is open is closed. A second signal
    ends the program at once. For programs, not for notebooks:

        from gblend_keras.utils import signals

        with signals.leaving_on_signals():
            model.fit(...)

    Args:
        message: Printed to standard error on the way out.

    Raises:
        RuntimeError: If this is not the main thread; Python tells no other
            one of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "Signals reach the main thread only. Expected to be called there. "
            f"Received: thread {threading.current_thread().name!r}. "
            "Call it around the program's main function."
        )
    received: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        if received:
            os._exit(_exit_code(number))
        received.append(number)
        # Not `print`: the signal may have come inside one.
        os.write(2, f"{signal.Signals(number).name}: {message}\n".encode())
        raise SystemExit(_exit_code(number))

    previous = _install(leave)
    try:
        yield
    except Exception:
        # TensorFlow turns what a Python function of a dataset raises into an
        # error of its own, a SystemExit too.
        if received:
            raise SystemExit(_exit_code(received[0])) from None
        raise
    finally:
        _put_back(previous)


@contextmanager
def held_back() -> Iterator[None]:
    """Makes a SIGTERM or SIGINT wait until the body is done.

    For short work that is better finished than begun again, such as writing a
    checkpoint. A second signal does not wait: it ends the program. Elsewhere
    than in the main thread, which alone is told of signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received:
            os._exit(_exit_code(number))
        received.append(number)

    previous = _install(remember)
    try:
        yield
    finally:
        _put_back(previous)
        if received:
            signal.raise_signal(received[0])


def _exit_code(number: int) -> int:
    return 128 + number  # as shells report it


def _install(handler: object) -> dict[signal.Signals, object]:
    """Sets the handler of each signal that is not ignored; returns the old."""
    previous: dict[signal.Signals, object] = {}
    for each in SIGNALS:
        found = signal.getsignal(each)
        # None: not set from Python, and cannot be put back.
        if found not in (signal.SIG_IGN, None):
            previous[each] = found
            signal.signal(each, handler)  # type: ignore[arg-type]
    return previous


def _put_back(previous: dict[signal.Signals, object]) -> None:
    for each, handler in previous.items():
        signal.signal(each, handler)  # type: ignore[arg-type]
