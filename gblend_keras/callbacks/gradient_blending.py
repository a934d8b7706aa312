"""GradientBlending: when the blend is estimated, and what then happens."""

from pathlib import Path
from typing import Any

import keras

from gblend_keras import config
from gblend_keras.answers import calibration
from gblend_keras.blending import estimate_record
from gblend_keras.blending import fit_arguments
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimators import registry
from gblend_keras.blending.estimators.estimator import Estimator
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.super_epochs import SuperEpochs
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data import division
from gblend_keras.data import sources
from gblend_keras.distribution import workers


class GradientBlending(fit_arguments.BlendCallback):
    """Estimates the blend weights of a `BlendedModel` while it trains.

    By default once, before training, by a short `Probe`. The paper's methods:
    offline, `estimator="retrain"`, one estimate that looks at the whole
    training; online, `super_epochs=(10, 5)`, each super-epoch begins with one
    over its own epochs.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithms 2 and 3; super-epochs
    of 10, then 5, epochs (section 3.3).
    Ours: the probe. V goes back into training after the last estimate (where
    `train` comes from `split_holdout`), for earlier, later losses on V would
    be training losses; online, epochs keep their length then. With `folds`,
    every example is held out once, and all losses are pooled.

    Args:
        train: What `fit` is given: best a `TrainingSet` of `split_holdout`,
            or its T. Or arrays `(x, y)`, or any finite dataset.
        holdout: V, of the same structure. None: that of the `TrainingSet`.
        super_epochs: Epochs of the first super-epoch and of each later one;
            None for one estimate before training.
        folds: Row numbers of each fold, such as `fold_indices` gives, or how
            many folds. Not online; `train` is the whole training set then.
        train_sample: T', to measure the train loss on. None: a sample of T of
            V's size, drawn once.
        history_path: JSON file for the estimates; a killed run that finds it
            does not repeat them, and a killed estimate goes on from the file
            beside it, `NAME.progress.state.zip`; see `docs/resuming.md`.
        settings: Those of the estimator that is named.
        estimator: What finds the weights: "probe", "retrain" (the paper's), or
            an `Estimator` with settings of its own. None: "retrain" with
            super-epochs, else "probe".

    Attributes:
        verbose: Whether estimates are shown; None: as `fit` does.

    Raises:
        ValueError: If the arguments do not fit together.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> training_set = gb.split_holdout((x, np.arange(40) % 2), 0.25)
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> blend = gb.GradientBlending(training_set, super_epochs=(2, 1))
        >>> _ = model.fit(training_set, epochs=3, verbose=0, callbacks=[blend])
        >>> [estimate.epoch for estimate in blend.estimates]
        [0, 2]
    """

    def __init__(  # noqa: PLR0913 (all are of one decision)
        self,
        train: Any,
        holdout: Any = None,
        *,
        super_epochs: tuple[int, int] | None = None,
        folds: int | list[sources.IntArray] | None = None,
        train_sample: Any = None,
        history_path: str | Path | None = None,
        settings: config.BlendSettings | None = None,
        estimator: Estimator | str | None = None,
    ) -> None:
        super().__init__()
        self.verbose: bool | None = None
        self._schedule = SuperEpochs(super_epochs, with_folds=folds is not None)
        if estimator is None:
            estimator = "retrain" if super_epochs else "probe"
        self._estimator = registry.chosen(estimator, settings)
        self._divisions = division.divide(
            train,
            holdout,
            folds=folds,
            train_sample=train_sample,
            seed=self._estimator.settings.seed,
        )
        self._training_set = self._divisions[0].training_set
        self._returns_holdout = (
            self._estimator.settings.return_holdout or super_epochs is None
        )
        self._record = estimate_record.EstimateRecord(history_path)

    @property
    def estimates(self) -> list[BlendEstimate]:
        """Every estimate so far."""
        return self._record.estimates

    @property
    def history(self) -> list[dict[str, object]]:
        """Every estimate so far as plain values."""
        return [estimate.to_json() for estimate in self.estimates]

    def estimate(
        self,
        model: BlendedModel,
        *,
        epoch: int = 0,
        num_epochs: int,
        schedules: tuple[keras.callbacks.LearningRateScheduler, ...] = (),
    ) -> BlendEstimate:
        """Estimates the blend once, outside of any `fit`; leaves no trace.

        The model, `estimates` and the history file stay as they are.

        Args:
            model: A compiled model.
            epoch: N, the epochs that it has been trained.
            num_epochs: n, how long each head is trained alone.
            schedules: Learning-rate schedules, as `fit` would get them.

        Returns:
            The estimate.
        """
        self._estimator.check(model)
        settings = fit_arguments.FitSettings(
            schedules=schedules,
            epochs=epoch + num_epochs,
            verbose=int(self.verbose is not False),
        )
        window = Window(epoch, num_epochs)
        return self._estimator.estimate(
            model, self._divisions, window, settings, Journal(None)
        )

    def set_fit_settings(self, settings: fit_arguments.FitSettings) -> None:
        if self._returns_holdout:
            division.check_trained_on(self._divisions[0], settings.data)
        if self.verbose is not None:
            settings = settings._replace(verbose=int(self.verbose))
        super().set_fit_settings(settings)

    def on_train_begin(self, logs: Any = None) -> None:
        self._estimator.check(self.model)
        fit_arguments.warn_of_adaptive(self.model.optimizer)
        self._record.read()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._record.begin_epoch(epoch)
        window = self._schedule.window_at(epoch, self.fit_settings.epochs)
        if window is not None:
            self._renew(window)
        done = self._schedule.is_done(self.estimates, self.fit_settings.epochs)
        if done and self._returns_holdout and self._training_set is not None:
            self._training_set.give_back(keep_length=self._schedule.are_online)

    def on_train_end(self, logs: Any = None) -> None:
        self._record.end()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self._record.logs(self.model))

    def _renew(self, window: Window) -> None:
        """Estimates the weights, or takes them from the record."""
        model, settings = self.model, self.fit_settings
        strategy = model.distribute_strategy
        fingerprint = estimate_record.fingerprint(
            model, window, self._estimator, self._divisions, settings
        )
        estimate = self._record.find(window.epoch, fingerprint)
        # On several workers: all take it from there, or all estimate anew.
        found = workers.all_true(strategy, estimate is not None)
        if estimate is None or not found:
            journal = self._record.journal(fingerprint)
            estimate = self._estimator.estimate(
                model, self._divisions, window, settings, journal
            )
        is_chief = workers.is_chief(strategy)
        self._record.add(estimate, fingerprint, write=is_chief)
        model.assign_blend_weights(estimate.weights)
        if estimate.pool:
            calibration.assign(model, estimate.pool)
        estimate_record.announce(estimate, settings, show=is_chief)
