"""The passes of an estimate: what each head learns alone, measured."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from gblend_keras.blending import fit_arguments
from gblend_keras.blending import isolated_heads
from gblend_keras.blending import ogr
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimate_progress import Progress
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.snapshot import Snapshot
from gblend_keras.callbacks import training_progress
from gblend_keras.data import training_set

FloatArray = npt.NDArray[np.float64]


class Round(NamedTuple):
    """One division of the training set: an estimate has one, or one a fold.

    Attributes:
        train: T, as `fit` takes it.
        holdout: V, to be measured.
        train_sample: T', a fixed sample of T, to be measured.
        rows: The rows of T for a feed that several rounds share; or None.
    """

    train: Any
    holdout: Any
    train_sample: Any
    rows: npt.NDArray[np.int64] | None = None


class Window(NamedTuple):
    """The epochs an estimate looks at: from N, for n of them."""

    epoch: int
    num_epochs: int


class Passes:
    """Trains each head alone and measures what it learned, from one state.

    Goes on where a killed try stopped: at the last epoch, of the pass under
    way, that the journal holds. Each epoch is a function of the model's state
    and of its number, so the losses are those of an unbroken estimate.

    Args:
        model: The model, in the state in which the estimate begins.
        window: N and n.
        settings: The settings of the outer `fit`.
        measure: "loss" or "accuracy".
        journal: Keeps how far the estimate is.

    Attributes:
        heads: The heads that each pass trains.
    """

    def __init__(
        self,
        model: BlendedModel,
        window: Window,
        settings: fit_arguments.FitSettings,
        *,
        measure: str,
        journal: Journal,
    ) -> None:
        self.heads = isolated_heads.head_passes(model)
        self._model = model
        self._window = window
        self._settings = settings
        self._measure_kind = measure
        self._journal = journal

    def run(self, rounds: Sequence[Round]) -> Progress:
        """Runs what is left to do; the model is afterwards as it was.

        Args:
            rounds: Divisions of the training set.

        Returns:
            The losses of each division, and what they cost.
        """
        snapshot = Snapshot(self._model)
        bar = None
        try:
            done = self._journal.read(self._model, snapshot)
            bar = _Bar(self._window, self.heads, len(rounds), self._settings)
            bar.skip(done)
            for index, division in enumerate(rounds):
                if index >= len(done.measured) - 1:
                    self._run_round(index, division, done, (snapshot, bar))
        finally:
            snapshot.restore()
            self._model.reset_metrics()
            if bar is not None:
                bar.close()
        return done

    def _run_round(
        self,
        index: int,
        division: Round,
        done: Progress,
        tools: "tuple[Snapshot, _Bar]",
    ) -> None:
        feed = training_set.feed_of(division.train)
        if feed is not None and division.rows is not None:
            feed.use(division.rows)
        if index == len(done.measured):
            done.measured.append(
                (
                    self._measure_start(division.train_sample),
                    self._measure_start(division.holdout),
                )
            )
            done.passes_done = 0
            self._journal.write(self._model, done)
        snapshot, bar = tools
        while done.passes_done < len(self.heads):
            heads = self.heads[done.passes_done]
            bar.begin_pass(index * len(self.heads) + done.passes_done, heads)
            self._train(heads, division.train, done, bar)
            train, holdout = done.measured[index]
            self._measure_end(heads, division.train_sample, train)
            self._measure_end(heads, division.holdout, holdout)
            snapshot.restore()
            done.passes_done += 1
            done.epochs_done = 0
            self._journal.write(self._model, done)

    def _train(
        self, heads: list[str], train: Any, done: Progress, bar: "_Bar"
    ) -> None:
        isolated_heads.train_heads(
            self._model,
            heads,
            train,
            initial_epoch=self._window.epoch + done.epochs_done,
            epochs=self._window.num_epochs - done.epochs_done,
            settings=self._settings,
            callbacks=[_EpochKeeper(done, self._journal, bar)],
        )

    def _measure_start(self, data: Any) -> ogr.Losses:
        start, weight = self._measure(data)
        return ogr.Losses(start, start.copy(), weight)

    def _measure_end(
        self, heads: list[str], data: Any, losses: ogr.Losses
    ) -> None:
        columns = [self._model.head_names.index(head) for head in heads]
        losses.end[:, columns] = self._measure(data)[0][:, columns]

    def _measure(self, data: Any) -> tuple[FloatArray, FloatArray]:
        return self._model.measure(
            data,
            self._measure_kind,
            class_weight=self._settings.class_weight,
        )


class _EpochKeeper(keras.callbacks.Callback):
    """Notes each epoch of a pass."""

    def __init__(self, done: Progress, journal: Journal, bar: "_Bar") -> None:
        super().__init__()
        self._done = done
        self._journal = journal
        self._bar = bar

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._done.examples_trained += self.model.examples_seen
        self._done.epochs_done += 1
        self._journal.write(self.model, self._done)
        self._bar.update(epoch)


class _Bar:
    """Shows how far the passes are."""

    def __init__(
        self,
        window: Window,
        passes: list[list[str]],
        num_rounds: int,
        settings: fit_arguments.FitSettings,
    ) -> None:
        self._window = window
        self._num_passes = len(passes) * num_rounds
        self._per_round = len(passes)
        self._bar = training_progress.make_bar(
            self._num_passes * window.num_epochs,
            f"estimate at epoch {window.epoch}",
            show=settings.verbose > 0,
        )

    def skip(self, done: Progress) -> None:
        """Counts what an earlier try has done."""
        finished = max(len(done.measured) - 1, 0) * self._per_round
        finished += done.passes_done
        self._bar.update(finished * self._window.num_epochs + done.epochs_done)

    def begin_pass(self, number: int, heads: list[str]) -> None:
        """Names the pass, counted from 0, that begins."""
        self._bar.set_description(
            f"estimate at epoch {self._window.epoch}, pass "
            f"{number + 1}/{self._num_passes} ({', '.join(heads)})"
        )

    def update(self, epoch: int) -> None:
        """Adds one finished epoch of a pass."""
        last = self._window.epoch + self._window.num_epochs
        self._bar.set_postfix_str(f"epoch {epoch + 1} of {last}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Takes the bar off the screen."""
        self._bar.close()
