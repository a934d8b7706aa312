"""How far an estimate is, on the disk: a killed one goes on inside."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from absl import logging

from gblend_keras.blending import snapshot
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.distribution import workers
from gblend_keras.utils import state_files
from gblend_keras.utils.state_files import Array

FORMAT = 1
FIELDS = ("start", "end", "weight")  # of losses; groups follow from V
SHARE = 0.02  # of an estimate's time that writing may take
# Until a write has been timed, it is taken to be as slow as a poor disk.
SLOW_BYTES_PER_SECOND = 100e6
SLOW_SECONDS = 0.02  # of any write, however small


@dataclasses.dataclass
class Progress:
    """How far an estimate is.

    Attributes:
        measured: Losses on T' and V of each division that was begun. The end
            of a head is its start until its pass is done.
        evidence: Of each division, what heads said of (a part of) V after the
            passes that are done, `(examples, H, classes)`, and its labels.
        passes_done: Passes of the latest division that are done.
        epochs_done: Epochs of the next pass that are done.
        examples_trained: Examples that the passes trained on.
        examples_measured: Examples that were passed forward to be measured.
        seconds: Wall clock so far, over all tries.
    """

    measured: list[tuple[Losses, Losses]] = dataclasses.field(
        default_factory=list
    )
    evidence: dict[int, tuple[Array, Array]] = dataclasses.field(
        default_factory=dict
    )
    passes_done: int = 0
    epochs_done: int = 0
    examples_trained: int = 0
    examples_measured: int = 0
    seconds: float = 0.0

    @property
    def place(self) -> list[int]:
        """What is done, as numbers to compare."""
        return [len(self.measured), self.passes_done, self.epochs_done]


class Journal:
    """Keeps the progress of one estimate in a file.

    Written only where it is worth it: not before the time since the last
    write is so long that writing takes at most `SHARE` of it. So an estimate
    of a second writes nothing, and one of hours writes after each epoch.

    Args:
        path: The file; None to keep nothing.
        fingerprint: Names the estimate: another one's file is not believed.
    """

    def __init__(self, path: Path | None, fingerprint: str = "") -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._started = self._last = time.monotonic()
        self._before = 0.0  # seconds of earlier tries
        self._cost = SLOW_SECONDS  # of a write

    def read(self, model: keras.Model, start: snapshot.Snapshot) -> Progress:
        """Returns how far a killed try came, and puts the model there.

        Where that was inside a pass, the model gets the state of its last
        epoch that was written. Without a file, with another estimate's, or
        with a damaged one, the progress is none and the model is as it was.

        Args:
            model: The model, in the state in which the estimate begins.
            start: That state.
        """
        self._cost += start.num_bytes / SLOW_BYTES_PER_SECOND
        if self._path is None:
            return Progress()
        progress = self._read(self._path, model, start)
        if not workers.all_equal(model.distribute_strategy, progress.place):
            logging.warning(
                "The estimate begins anew: its workers do not see the same "
                "%s. Choose a folder that all machines mount.",
                self._path.name,
            )
            start.restore()
            return Progress()
        self._before = progress.seconds
        return progress

    def _read(
        self, path: Path, model: keras.Model, start: snapshot.Snapshot
    ) -> Progress:
        if not path.exists():
            return Progress()
        try:
            with state_files.reading(path) as state:
                if state.meta["fingerprint"] != self._fingerprint:
                    return Progress()
                return _from_state(model, state)
        except (ValueError, KeyError, OSError) as error:
            logging.warning("The estimate begins anew: %s", error)
            start.restore()
            return Progress()

    def write(self, model: keras.Model, progress: Progress) -> None:
        """Writes the progress, if it is time to; the chief worker alone does.

        Args:
            model: Its state is written where the progress is inside a pass.
            progress: How far the estimate is.
        """
        started = time.monotonic()
        is_due = (started - self._last) * SHARE >= self._cost
        is_chief = workers.is_chief(model.distribute_strategy)
        if self._path is None or not is_due or not is_chief:
            return
        progress.seconds = self.seconds
        counts = {
            name: value
            for name, value in vars(progress).items()
            if name not in ("measured", "evidence")
        }
        state_files.write(
            self._path,
            {
                "format": FORMAT,
                "fingerprint": self._fingerprint,
                "num_divisions": len(progress.measured),
                **counts,
            },
            _arrays(model, progress),
        )
        self._last = time.monotonic()
        if progress.epochs_done:  # else the model was not in it
            self._cost = self._last - started

    @property
    def seconds(self) -> float:
        """What the estimate took so far, over all tries."""
        return self._before + time.monotonic() - self._started

    def remove(self) -> None:
        """Removes the file: the estimate is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _arrays(
    model: keras.Model, progress: Progress
) -> Iterator[tuple[str, state_files.Array]]:
    for index, pair in enumerate(progress.measured):
        for side, losses in zip(("train", "holdout"), pair, strict=True):
            for field in FIELDS:
                values = getattr(losses, field)
                yield f"losses/{index}/{side}/{field}", values
    for index, (evidence, labels) in progress.evidence.items():
        yield f"evidence/{index}/heads", evidence
        yield f"evidence/{index}/labels", labels
    if progress.epochs_done:
        yield from snapshot.state_arrays(model)


def _from_state(model: keras.Model, state: state_files.State) -> Progress:
    meta: dict[str, Any] = state.meta
    if meta["format"] != FORMAT:
        raise ValueError(
            "The file is of another version. Expected format "
            f"{FORMAT}. Received: format={meta['format']}. Remove it."
        )
    progress = Progress(
        passes_done=meta["passes_done"],
        epochs_done=meta["epochs_done"],
        examples_trained=meta["examples_trained"],
        examples_measured=meta.get("examples_measured", 0),  # came later
        seconds=meta["seconds"],
    )
    for index in range(meta["num_divisions"]):
        train, holdout = (
            Losses(
                *(
                    state.array(f"losses/{index}/{side}/{field}").copy()
                    for field in FIELDS
                )
            )
            for side in ("train", "holdout")
        )
        progress.measured.append((train, holdout))
        if f"evidence/{index}/heads" in state.names:
            evidence, labels = (
                state.array(f"evidence/{index}/{part}").copy()
                for part in ("heads", "labels")
            )
            progress.evidence[index] = (evidence, labels)
    if progress.epochs_done:
        snapshot.load_state(model, state)
    return progress
