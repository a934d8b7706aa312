"""GradientBlending: when the blend is estimated, and what then happens."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from absl import logging

from gblend_keras import config
from gblend_keras.blending import estimator
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import history
from gblend_keras.blending import model as blended
from gblend_keras.blending import ogr
from gblend_keras.blending import passes
from gblend_keras.blending import snapshot
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.callbacks import training_progress
from gblend_keras.data import holdout as division
from gblend_keras.data import sources
from gblend_keras.data import training_set
from gblend_keras.distribution import workers
from gblend_keras.utils import state_files

PROGRESS_SUFFIX = ".progress" + state_files.SUFFIX
# They undo much of what a weight on a loss does.
ADAPTIVE_OPTIMIZERS = (
    keras.optimizers.Adam,  # and AdamW
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Adamax,
    keras.optimizers.Nadam,
    keras.optimizers.RMSprop,
)


class GradientBlending(fit_arguments.BlendCallback):
    """Estimates the blend weights of a `BlendedModel` while it trains.

    Online, each super-epoch begins with an estimate over its own epochs.
    Offline, one estimate from the initial weights looks at the whole training.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithms 2 and 3; super-epochs
    of 10, then 5, epochs (section 3.3).
    Ours: V goes back into training after the last estimate (where `train`
    comes from `split_holdout`): offline that is at once; online for the last
    super-epoch, whose epochs keep their length and draw on T and V. Earlier,
    later losses on V would be training losses. With `folds`, every example is
    held out once, the losses of all folds are pooled, and none is lost.

    Args:
        train: T, as given to `fit`: best from `split_holdout`. Or arrays
            `(x, y)`, or any finite dataset that `fit` takes.
        holdout: V, of the same structure. None with `folds`.
        super_epochs: Epochs of the first super-epoch and of each later one;
            None for offline.
        folds: Row numbers of each fold, such as `fold_indices` gives, or how
            many folds. Offline only; `train` is the whole training set then.
        train_sample: T', to measure the train loss on. None: a sample of T of
            V's size, drawn once.
        history_path: JSON file for the estimates; a killed run that finds it
            does not repeat them. An estimate that was killed itself goes on
            at the last epoch of its pass that is in the file beside it,
            `NAME.progress.state.zip`; see `docs/resuming.md`.
        settings: How G, O and the weights are computed.

    Attributes:
        estimates: Every estimate so far.
        verbose: Whether estimates are shown; None: as `fit` does.

    Raises:
        ValueError: If the arguments do not fit together.
    """

    def __init__(
        self,
        train: Any,
        holdout: Any = None,
        *,
        super_epochs: tuple[int, int] | None = (10, 5),
        folds: int | list[npt.NDArray[np.int64]] | None = None,
        train_sample: Any = None,
        history_path: str | Path | None = None,
        settings: config.BlendSettings | None = None,
    ) -> None:
        super().__init__()
        _check_arguments(holdout, super_epochs, folds)
        self.super_epochs = super_epochs
        self.settings = settings or config.BlendSettings()
        self.estimates: list[BlendEstimate] = []
        self.verbose: bool | None = None
        self._estimator = estimator.Retrain(self.settings)
        self._train = _as_dataset(train, self.settings.seed)
        self._rounds = (
            _fold_rounds(self._train, folds, self.settings.seed)
            if folds is not None
            else [
                _single_round(self._train, holdout, train_sample, self.settings)
            ]
        )
        self._history_path = Path(history_path) if history_path else None
        self._fingerprints: dict[int, str] = {}
        self._stored: list[BlendEstimate] = []
        self._begun = False

    @property
    def history(self) -> list[dict[str, object]]:
        """Every estimate so far as plain values."""
        return [estimate.to_json() for estimate in self.estimates]

    def estimate(
        self,
        model: blended.BlendedModel,
        *,
        epoch: int = 0,
        num_epochs: int,
        schedules: tuple[keras.callbacks.LearningRateScheduler, ...] = (),
    ) -> BlendEstimate:
        """Estimates the blend once, outside of any `fit`; leaves no trace.

        Nothing is trained but the passes of the estimate, whose effects are
        taken back. `estimates` and the history file stay as they are.

        Args:
            model: A compiled model.
            epoch: N, the epochs that it has been trained.
            num_epochs: n, how long each head is trained alone.
            schedules: Learning-rate schedules, as `fit` would get them.

        Returns:
            The estimate.
        """
        self._check_floors(model)
        settings = fit_arguments.FitSettings(
            schedules=schedules,
            epochs=epoch + num_epochs,
            verbose=int(self.verbose is not False),
        )
        return self._estimator.estimate(
            model, self._rounds, passes.Window(epoch, num_epochs), settings
        )

    def set_fit_settings(self, settings: fit_arguments.FitSettings) -> None:
        if self.verbose is not None:
            settings = settings._replace(verbose=int(self.verbose))
        super().set_fit_settings(settings)

    def on_train_begin(self, logs: Any = None) -> None:
        if not isinstance(self.model, blended.BlendedModel):
            raise TypeError(
                "GradientBlending cannot serve this model. Expected a "
                f"BlendedModel. Received: {type(self.model).__name__}. "
                "Wrap the network: BlendedModel(network)."
            )
        self._check_floors(self.model)
        if isinstance(self.model.optimizer, ADAPTIVE_OPTIMIZERS):
            logging.warning(
                "%s divides each gradient by its own size, so blend weights "
                "change little inside a tower. Use SGD with momentum.",
                type(self.model.optimizer).__name__,
            )
        self.estimates, self._stored, self._fingerprints = [], [], {}
        self._begun = False
        if self._history_path is not None and self._history_path.exists():
            self._read_history(self._history_path)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not self._begun:  # what an earlier, stopped fit has estimated
            self.estimates = [
                each for each in self._stored if each.epoch < epoch
            ]
            self._begun = True
        num_epochs = self._epochs_to_look_at(epoch)
        if num_epochs:
            self._renew(passes.Window(epoch, num_epochs))
        if self.estimates and self._was_last(self.estimates[-1]):
            self._return_holdout()

    def on_train_end(self, logs: Any = None) -> None:
        if not self._begun:  # an earlier fit has done every epoch
            self.estimates = list(self._stored)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is None:
            return
        for head, weight in self.model.blend_weights.items():
            logs[f"blend_weight_{head}"] = weight
        latest = self.estimates[-1].ogr if self.estimates else {}
        for head in self.model.head_names:
            ratio = latest.get(head)
            logs[f"ogr_{head}"] = float("nan") if ratio is None else ratio

    def _check_floors(self, model: blended.BlendedModel) -> None:
        floors = self.settings.floors(model.head_names)
        ogr.check_floor([*floors.values()], len(floors))

    def _epochs_to_look_at(self, epoch: int) -> int:
        """Returns n if an estimate is due at this epoch, else 0."""
        left = self.fit_settings.epochs - epoch
        if self.super_epochs is None:
            return left if epoch == 0 else 0
        first, later = self.super_epochs
        if epoch == 0:
            return min(first, left)
        due = epoch >= first and (epoch - first) % later == 0
        return min(later, left) if due else 0

    def _was_last(self, estimate: BlendEstimate) -> bool:
        """Says if no other estimate will need V."""
        if self.super_epochs is None:
            return True
        end = estimate.epoch + estimate.num_epochs
        return self.settings.return_holdout and end >= self.fit_settings.epochs

    def _renew(self, window: passes.Window) -> None:
        """Estimates the weights, or takes them from the history."""
        fingerprint = self._fingerprint(window)
        journal = self._journal(fingerprint)
        found = [
            estimate
            for estimate in self._stored
            if estimate.epoch == window.epoch
            and self._fingerprints.get(window.epoch) == fingerprint
        ]
        # On several workers: all take it from there, or all estimate anew.
        if workers.all_true(self.model.distribute_strategy, bool(found)):
            estimate = found[0]
        else:
            estimate = self._estimator.estimate(
                self.model, self._rounds, window, self.fit_settings, journal
            )
        self.estimates.append(estimate)
        self._fingerprints[window.epoch] = fingerprint
        if workers.is_chief(self.model.distribute_strategy):
            self._write_history()
            journal.remove()  # not before the history has the estimate
        self.model.assign_blend_weights(estimate.weights)
        if self.fit_settings.verbose:
            training_progress.say(estimate.summary())
        if estimate.kept_previous:
            logging.warning(
                "Epoch %d: no head generalised; the blend weights stay.",
                window.epoch,
            )

    def _return_holdout(self) -> None:
        """V has done its work and is trained on from now on."""
        feed = training_set.feed_of(self._train)
        if feed is None:
            return
        rows = [feed.rows]
        for each in self._rounds:
            held = training_set.held_rows_of(each.holdout)
            rows += [held] if held is not None else []
        online = self.super_epochs is not None
        everything = np.unique(np.concatenate(rows))
        if len(everything) > feed.num_examples:
            feed.use(everything, keep_length=online)

    def _fingerprint(self, window: passes.Window) -> str:
        """Names the state that an estimate is a function of."""
        settings = self.fit_settings
        return snapshot.fingerprint(
            self.model,
            window,
            self.settings,
            settings.class_weight,
            settings.steps_per_epoch,
            *self._rows_in_use(),
        )

    def _rows_in_use(self) -> list[bytes]:
        """Names T and V, where they are known by row number."""
        feed = training_set.feed_of(self._train)
        rows = [None if feed is None else feed.rows]
        rows += [
            training_set.held_rows_of(each.holdout) for each in self._rounds
        ]
        return [each.tobytes() for each in rows if each is not None]

    def _journal(self, fingerprint: str) -> Journal:
        """Returns what keeps the progress, beside the history."""
        if self._history_path is None:
            return Journal(None)
        name = self._history_path.stem + PROGRESS_SUFFIX
        return Journal(self._history_path.with_name(name), fingerprint)

    def _write_history(self) -> None:
        if self._history_path is None:
            return
        history.write_history(
            self._history_path, self.estimates, self._fingerprints
        )

    def _read_history(self, path: Path) -> None:
        for entry in history.read_history(path):
            estimate = BlendEstimate.from_json(entry)
            self._stored.append(estimate)
            self._fingerprints[estimate.epoch] = str(entry.get("state"))


def _check_arguments(
    holdout: Any,
    super_epochs: tuple[int, int] | None,
    folds: Any,
) -> None:
    if (holdout is None) == (folds is None):
        raise ValueError(
            "`holdout` and `folds` exclude each other. Expected one of them. "
            f"Received: {'neither' if folds is None else 'both'}. "
            "Use `split_holdout` for a holdout."
        )
    if folds is not None and super_epochs is not None:
        raise ValueError(
            "`folds` cannot be used online. Expected super_epochs=None: "
            "after the first super-epoch every fold has been trained on. "
            f"Received: super_epochs={super_epochs}. Use a holdout."
        )
    if super_epochs is not None and (
        len(super_epochs) != 2 or min(super_epochs) < 1
    ):
        raise ValueError(
            "`super_epochs` is out of range. Expected two numbers >= 1, the "
            "first super-epoch and each later one, or None. "
            f"Received: super_epochs={super_epochs}. The paper uses (10, 5)."
        )


def _as_dataset(train: Any, seed: int) -> Any:
    examples = training_set.as_examples(train)
    if examples is None:
        return train
    return training_set.make_training_dataset(examples, seed=seed)


def _single_round(
    train: Any,
    holdout: Any,
    train_sample: Any,
    settings: config.BlendSettings,
) -> passes.Round:
    examples = training_set.as_examples(holdout)
    if examples is not None:
        holdout = training_set.make_dataset(examples)
    if train_sample is None:
        size = _num_examples(holdout)
        train_sample = _sample(train, size, settings.seed)
    return passes.Round(train, holdout, train_sample)


def _fold_rounds(train: Any, folds: Any, seed: int) -> list[passes.Round]:
    feed = training_set.feed_of(train)
    if feed is None:
        raise ValueError(
            "`folds` needs a training set that can be divided. Expected "
            "arrays, or a dataset of `make_training_dataset`. "
            f"Received: {type(train).__name__}. Use a holdout."
        )
    if isinstance(folds, int):
        labels = feed.source.labels[feed.rows]
        parts = division.fold_indices(labels, folds=folds, seed=seed)
        folds = [feed.rows[part] for part in parts]
    everything = feed.rows
    rng = np.random.default_rng(seed)
    rounds = []
    for held in folds:
        rest = np.setdiff1d(everything, held)
        seen = rng.choice(rest, size=min(len(held), len(rest)), replace=False)
        rounds.append(
            passes.Round(
                train,
                training_set.holdout_dataset(feed, held),
                feed.view(np.sort(seen)),
                rows=rest,
            )
        )
    return rounds


def _num_examples(dataset: Any) -> int:
    return sum(
        len(tf.nest.flatten(batch)[0]) for batch in sources.batches(dataset)
    )


def _sample(train: Any, size: int, seed: int) -> Any:
    """Returns T' of `size` examples, in a fixed order."""
    feed = training_set.feed_of(train)
    if feed is not None:
        return feed.view(feed.sample(size, seed=seed))
    return sources.sample_stream(train, size, seed=seed)
