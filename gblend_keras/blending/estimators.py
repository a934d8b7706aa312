"""Estimates of the blend: what each head gains and overfits when alone."""

import time
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras import progress
from gblend_keras.blending import fitting
from gblend_keras.blending import ogr
from gblend_keras.blending import probe
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.snapshot import Snapshot
from gblend_keras.data import pipeline


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


class Retrain:
    """Measures by training: each head alone for n epochs (the paper's way).

    Takes a snapshot, measures V and T' at epoch N, trains the heads in
    isolation (`probe.head_passes`), measures again at N+n, and puts the
    snapshot back: training goes on as if nothing had happened.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 1.
    Ours: all modality heads in one pass where that is lawful; optimizer state
    and schedule go on from where training is; losses are measured in
    evaluation mode. Several rounds (folds) are pooled example by example.

    Args:
        settings: How G, O and the weights are computed.
    """

    def __init__(self, settings: config.BlendSettings) -> None:
        self.settings = settings

    def estimate(
        self,
        model: BlendedModel,
        rounds: Sequence[Round],
        window: Window,
        fit_settings: fitting.FitSettings,
    ) -> BlendEstimate:
        """Trains each head alone and computes the weights; leaves no trace.

        Args:
            model: The model inside whose `fit` this happens.
            rounds: Divisions of the training set; their losses are pooled.
            window: N and n.
            fit_settings: The settings of the outer `fit`.

        Returns:
            The estimate. The model is as it was, blend weights included.
        """
        started = time.monotonic()
        snapshot = Snapshot(model)
        passes = probe.head_passes(model)
        meter = _Meter(window, passes, rounds, show=fit_settings.verbose > 0)
        measured = []
        try:
            for division in rounds:
                measured.append(
                    self._run_round(
                        _Work(model, snapshot, division, fit_settings),
                        window,
                        passes,
                        meter,
                    )
                )
        finally:
            snapshot.restore()
            model.reset_metrics()
            meter.close()
        train = _pooled([pair[0] for pair in measured])
        holdout = _pooled([pair[1] for pair in measured])
        return self._conclude(
            model,
            (train, holdout),
            window,
            _Cost(
                num_passes=len(passes) * len(rounds),
                examples_trained=meter.examples_trained,
                seconds=time.monotonic() - started,
            ),
        )

    def _run_round(
        self,
        work: "_Work",
        window: Window,
        passes: list[list[str]],
        meter: "_Meter",
    ) -> tuple[ogr.Losses, ogr.Losses]:
        model, snapshot, division, fit_settings = work
        feed = pipeline.feed_of(division.train)
        if feed is not None and division.rows is not None:
            feed.use(division.rows)
        seen, seen_weight = self._measure(work, division.train_sample)
        unseen, unseen_weight = self._measure(work, division.holdout)
        seen_end, unseen_end = seen.copy(), unseen.copy()
        for heads in passes:
            probe.train_heads(
                model,
                heads,
                division.train,
                initial_epoch=window.epoch,
                epochs=window.num_epochs,
                settings=fit_settings,
                callbacks=[meter.callback(heads)],
            )
            columns = [model.head_names.index(head) for head in heads]
            for end, data in (
                (seen_end, division.train_sample),
                (unseen_end, division.holdout),
            ):
                end[:, columns] = self._measure(work, data)[0][:, columns]
            snapshot.restore()
        return (
            ogr.Losses(seen, seen_end, seen_weight),
            ogr.Losses(unseen, unseen_end, unseen_weight),
        )

    def _measure(
        self, work: "_Work", data: Any
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return work.model.measure(
            data,
            self.settings.measure,
            class_weight=work.fit_settings.class_weight,
        )

    def _conclude(
        self,
        model: BlendedModel,
        losses: tuple[ogr.Losses, ogr.Losses],
        window: Window,
        cost: "_Cost",
    ) -> BlendEstimate:
        train, holdout = losses
        heads = model.head_names
        previous = [model.blend_weights[head] for head in heads]
        measured = ogr.measure(train, holdout)
        weights = ogr.blend_weights(
            measured.generalisation,
            measured.overfitting,
            overfitting_error=measured.overfitting_error,
            floor=self.settings.weight_floor,
            previous=previous,
        )
        drawn = ogr.bootstrap_weights(
            train,
            holdout,
            floor=self.settings.weight_floor,
            previous=previous,
            num_samples=self.settings.bootstrap_samples,
            seed=self.settings.seed,
        )
        kept_previous = bool((measured.generalisation <= 0).all())
        if self.settings.weights_from == "bootstrap" and not kept_previous:
            weights = drawn.mean(axis=0)
        intervals = ogr.weight_intervals(drawn)
        ratios = ogr.overfitting_to_generalisation(
            measured.generalisation, measured.overfitting
        )

        def by_head(values: npt.ArrayLike) -> dict[str, float]:
            numbers = np.asarray(values, np.float64).tolist()
            return dict(zip(heads, numbers, strict=True))

        return BlendEstimate(
            epoch=window.epoch,
            num_epochs=window.num_epochs,
            weights=by_head(weights),
            generalisation=by_head(measured.generalisation),
            overfitting=by_head(measured.overfitting),
            overfitting_error=by_head(measured.overfitting_error),
            ogr={
                head: ratio if np.isfinite(ratio) else None
                for head, ratio in by_head(ratios).items()
            },
            intervals={
                head: (float(low), float(high))
                for head, (low, high) in zip(heads, intervals, strict=True)
            },
            kept_previous=kept_previous,
            measure=self.settings.measure,
            num_holdout=len(holdout.start),
            **cost._asdict(),
        )


class _Work(NamedTuple):
    model: BlendedModel
    snapshot: Snapshot
    division: Round
    fit_settings: fitting.FitSettings


class _Cost(NamedTuple):
    num_passes: int
    examples_trained: int
    seconds: float


def _pooled(parts: list[ogr.Losses]) -> ogr.Losses:
    return ogr.Losses(
        *(np.concatenate(values) for values in zip(*parts, strict=True))
    )


class _Meter:
    """Counts what the passes train on, and shows how far they are."""

    def __init__(
        self,
        window: Window,
        passes: list[list[str]],
        rounds: Sequence[Round],
        *,
        show: bool,
    ) -> None:
        self._window = window
        self._num_passes = len(passes) * len(rounds)
        self._current_pass = 0
        self.examples_trained = 0
        self._bar = progress.make_bar(
            self._num_passes * window.num_epochs,
            f"estimate at epoch {window.epoch}",
            show=show,
        )

    def callback(self, heads: list[str]) -> keras.callbacks.Callback:
        """Returns the callback that reports the next pass."""
        self._current_pass += 1
        title = (
            f"estimate at epoch {self._window.epoch}, pass "
            f"{self._current_pass}/{self._num_passes} ({', '.join(heads)})"
        )
        self._bar.set_description(title)
        return _PassReporter(self)

    def report(self, epoch: int, num_examples: int) -> None:
        """Adds one finished epoch of a pass."""
        self.examples_trained += num_examples
        last = self._window.epoch + self._window.num_epochs
        self._bar.set_postfix_str(f"epoch {epoch + 1} of {last}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Takes the bar off the screen."""
        self._bar.close()


class _PassReporter(keras.callbacks.Callback):
    """Reports each epoch of a pass to the meter."""

    def __init__(self, meter: _Meter) -> None:
        super().__init__()
        self._meter = meter

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._meter.report(epoch, self.model.examples_seen)
