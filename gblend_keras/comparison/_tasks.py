"""One run of a comparison: how it is done, how it fails, when it is reused."""

import contextlib
import dataclasses
import time
import traceback
from typing import Any

import keras

from gblend_keras import config
from gblend_keras.runs import directory
from gblend_keras.training import failures
from gblend_keras.training import trainer

LOG = "run.log"
# The same run would diverge again; other failures (no memory, a full disk, a
# killed process) are tried again by the next call.
LASTING = (FloatingPointError.__name__,)


@dataclasses.dataclass(frozen=True)
class Task:
    """One run to be done.

    Attributes:
        label: What it is called in progress and logs.
        recipe: What is trained.
        run: Where, with which seed and method.
    """

    label: str
    recipe: config.Recipe
    run: trainer.Run


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes:
        label: The task's.
        summary: `summary.json` of the run; None if it failed.
        error: Name of the exception; "" if it did not fail.
        reason: Its message.
        seconds: Wall clock of this call; 0 for what was reused.
    """

    label: str
    summary: dict[str, Any] | None = None
    error: str = ""
    reason: str = ""
    seconds: float = 0.0


def earlier_outcome(task: Task) -> Outcome | None:
    """Returns what an earlier call made of a task, if that stands."""
    workdir = task.run.workdir
    if (workdir / directory.SUMMARY).exists():
        try:  # trains nothing: checks that it is the same run
            quiet = dataclasses.replace(task.run, verbose=False)
            summary = trainer.train(task.recipe, quiet)
        except ValueError as error:
            return Outcome(task.label, error="ValueError", reason=str(error))
        return _of_summary(task, summary)
    failure = failures.read(workdir)
    if failure is not None and failure["error"] in LASTING:
        return Outcome(
            task.label,
            error=failure["error"],
            reason=failure["reason"],
        )
    return None


def perform(task: Task) -> Outcome:
    """Does one run; an exception becomes a failed outcome.

    Whatever an earlier run left in Keras is cleared, and every random number
    is seeded by the run, so the order of runs does not matter.
    """
    keras.backend.clear_session()
    started = time.monotonic()
    try:
        summary = trainer.train(task.recipe, task.run)
    except Exception as error:  # whatever it is, the others go on
        with (
            contextlib.suppress(OSError),
            (task.run.workdir / LOG).open("a", encoding="utf-8") as log,
        ):
            log.write(traceback.format_exc())
        return Outcome(
            task.label,
            error=type(error).__name__,
            reason=str(error),
            seconds=time.monotonic() - started,
        )
    return dataclasses.replace(
        _of_summary(task, summary), seconds=time.monotonic() - started
    )


def _of_summary(task: Task, summary: dict[str, Any]) -> Outcome:
    """Returns the outcome of a finished run; a collapsed one has failed."""
    collapsed = summary.get("collapsed", ())  # earlier versions did not look
    if not collapsed:
        return Outcome(task.label, summary=summary)
    return Outcome(
        task.label,
        error="Collapsed",
        reason=" ".join(each["summary"] for each in collapsed),
    )
