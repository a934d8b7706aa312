"""Retrain, the paper's estimator: each head learns alone, and is measured."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import isolated_heads
from gblend_keras.blending import ogr
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimate_progress import Progress
from gblend_keras.blending.estimators import estimator
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.snapshot import Snapshot
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division
from gblend_keras.utils import progress

FloatArray = npt.NDArray[np.float64]


class Retrain(estimator.Estimator):
    """Measures by training: each head alone for n epochs (the paper's way).

    Takes a snapshot, measures V and T' at epoch N, trains the heads in
    isolation (`isolated_heads.head_passes`), measures again at N+n, and puts
    the snapshot back: training goes on as if nothing had happened.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 1.
    Ours: all modality heads in one pass where that is lawful; optimizer state
    and schedule go on from where training is; losses are measured in
    evaluation mode. Several divisions (folds) are pooled example by example.

    Args:
        settings: How G, O and the weights are computed; None for the
            defaults.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.BlendSettings(weight_floor=0.02)
        >>> gb.blending.Retrain(settings).settings.weight_floor
        0.02
    """

    @property
    def identity(self) -> object:
        """The settings alone, as in the histories of earlier versions."""
        return self.settings

    def estimate(
        self,
        model: BlendedModel,
        divisions: Sequence[Division],
        window: Window,
        fit_settings: fit_arguments.FitSettings,
        journal: Journal | None = None,
    ) -> BlendEstimate:
        """Trains each head alone and computes the weights; leaves no trace.

        Args:
            model: The model inside whose `fit` this happens.
            divisions: Divisions of the training set; their losses are pooled.
            window: N and n.
            fit_settings: The settings of the outer `fit`.
            journal: Keeps how far the estimate is, so that a killed one goes
                on inside; None to keep nothing.

        Returns:
            The estimate. The model is as it was, blend weights included.
        """
        kept = journal or Journal(None)
        passes = _Passes(
            model,
            window,
            fit_settings,
            measure=self.settings.measure,
            journal=kept,
        )
        done = passes.run(divisions)
        train, holdout = map(_pooled, zip(*done.measured, strict=True))
        estimate = estimator.conclude(
            model,
            self.settings,
            window,
            train,
            holdout,
            num_passes=len(passes.heads) * len(divisions),
            examples_trained=done.examples_trained,
        )
        return dataclasses.replace(estimate, seconds=kept.seconds)


def chosen(
    given: estimator.Estimator | None, settings: config.BlendSettings | None
) -> estimator.Estimator:
    """Returns the estimator that is given; None stands for `Retrain`.

    Args:
        given: An estimator with settings of its own, or None.
        settings: Those of `Retrain`, or None.

    Raises:
        ValueError: If both are given.
    """
    if given is None:
        return Retrain(settings)
    if settings is not None:
        raise ValueError(
            "`settings` and `estimator` exclude each other. Expected one of "
            f"them. Received: estimator={type(given).__name__} and settings. "
            "Give the settings to the estimator."
        )
    return given


def _pooled(parts: tuple[ogr.Losses, ...]) -> ogr.Losses:
    return ogr.Losses(
        *(np.concatenate(values) for values in zip(*parts, strict=True))
    )


class _Passes:
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

    def run(self, divisions: Sequence[Division]) -> Progress:
        """Runs what is left to do; the model is afterwards as it was.

        Args:
            divisions: Divisions of the training set.

        Returns:
            The losses of each division, and what they cost.
        """
        snapshot = Snapshot(self._model)
        bar = None
        try:
            done = self._journal.read(self._model, snapshot)
            bar = _Bar(self._window, self.heads, len(divisions), self._settings)
            bar.skip(done)
            for index, division in enumerate(divisions):
                if index >= len(done.measured) - 1:
                    self._run_division(
                        index, division, done, snapshot=snapshot, bar=bar
                    )
        finally:
            snapshot.restore()
            self._model.reset_metrics()
            if bar is not None:
                bar.close()
        return done

    def _run_division(
        self,
        index: int,
        division: Division,
        done: Progress,
        *,
        snapshot: Snapshot,
        bar: "_Bar",
    ) -> None:
        if division.training_set is not None and division.rows is not None:
            division.training_set.use(division.rows)
        if index == len(done.measured):
            done.measured.append(
                (
                    self._measure_start(division.train_sample),
                    self._measure_start(division.holdout),
                )
            )
            done.passes_done = 0
            self._journal.write(self._model, done)
        while done.passes_done < len(self.heads):
            heads = self.heads[done.passes_done]
            bar.begin_pass(index * len(self.heads) + done.passes_done, heads)
            isolated_heads.train_heads(
                self._model,
                heads,
                division.train,
                initial_epoch=self._window.epoch + done.epochs_done,
                epochs=self._window.num_epochs - done.epochs_done,
                settings=self._settings,
                callbacks=[_EpochKeeper(done, self._journal, bar)],
            )
            train, holdout = done.measured[index]
            self._measure_end(heads, division.train_sample, train)
            self._measure_end(heads, division.holdout, holdout)
            snapshot.restore()
            done.passes_done += 1
            done.epochs_done = 0
            self._journal.write(self._model, done)

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
        num_divisions: int,
        settings: fit_arguments.FitSettings,
    ) -> None:
        self._window = window
        self._num_passes = len(passes) * num_divisions
        self._per_division = len(passes)
        self._bar = progress.make_bar(
            self._num_passes * window.num_epochs,
            f"estimate at epoch {window.epoch}",
            show=settings.verbose > 0,
        )

    def skip(self, done: Progress) -> None:
        """Counts what an earlier try has done."""
        finished = max(len(done.measured) - 1, 0) * self._per_division
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
