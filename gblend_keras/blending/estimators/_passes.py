"""Passes of an estimate: train from one state, measure, put it back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.answers.exponents import Heldout
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import ogr
from gblend_keras.blending._example_losses import split_evidence
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.snapshot import Snapshot
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division
from gblend_keras.distribution import keras_loops
from gblend_keras.distribution import keras_private
from gblend_keras.utils import progress

LossPair = tuple[Losses, Losses]  # on T' and on V
# Of what heads say of V, to calibrate the pool on: a part is enough.
MOST_EXAMPLES = 5000
MOST_VALUES = 2**23


class Pass(NamedTuple):
    """What one pass trains.

    Attributes:
        name: Shown while it trains.
        weights: The weight of each head's loss, shape `(H,)`.
        columns: Those of the measured losses that this pass is for; None for
            all.
        holdout_only: Whether the losses on T' are not needed afterwards.
        scale: What a loss scale that follows from the weights is kept at;
            None lets it follow.
        may_diverge: Whether it is an answer, too, if a loss is not finite:
            the losses are infinite then.
        evidence: Whether what the heads say of V is kept, for `held_out`.
    """

    name: str
    weights: npt.ArrayLike
    columns: Sequence[int] | None = None
    holdout_only: bool = False
    scale: float | None = None
    may_diverge: bool = False
    evidence: bool = False


class Passes:
    """Trains passes from the model's state, inside a running `fit`.

    Used as a context: at its end the model is as it was at its beginning.

        with Passes(model, window, settings, ...) as passes:
            measured = passes.run(divisions, [one, two])

    Goes on where a killed try stopped: at the last epoch, of the pass under
    way, that the journal holds. Each epoch is a function of the model's state
    and of its number, so the losses are those of an unbroken estimate.

    Args:
        model: The model, in the state in which the estimate begins.
        window: N, and the epochs of a pass.
        settings: The settings of the outer `fit`.
        measure: "loss" or "accuracy".
        exponents: As `BlendedModel.measure` takes them.
        journal: Keeps how far the estimate is.
        num_passes: How many there will be, for the progress bar.
    """

    def __init__(
        self,
        model: BlendedModel,
        window: Window,
        settings: fit_arguments.FitSettings,
        *,
        measure: str,
        exponents: tuple[float, ...] = (),
        journal: Journal,
        num_passes: int,
    ) -> None:
        self._model = model
        self._window = window
        self._settings = settings
        self._measure_kind = measure
        self._exponents = exponents
        self._journal = journal
        self._num_passes = num_passes
        self._bar = _Bar(window, num_passes, settings)
        self._num_begun = 0  # divisions, over all calls of `run`

    def __enter__(self) -> Passes:
        self._snapshot = Snapshot(self._model)
        try:
            self._done = self._journal.read(self._model, self._snapshot)
            self._bar.show()
        except BaseException:
            self._snapshot.restore()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._snapshot.restore()
        self._model.reset_metrics()
        self._bar.close()

    def with_cost(self, estimate: BlendEstimate) -> BlendEstimate:
        """Returns the estimate with what it took, over all tries."""
        return dataclasses.replace(
            estimate,
            num_passes=self._num_passes,
            examples_trained=self._done.examples_trained,
            examples_measured=self._done.examples_measured,
            seconds=self._journal.seconds,
        )

    def run(
        self, divisions: Sequence[Division], passes: Sequence[Pass]
    ) -> list[LossPair]:
        """Runs what is left to do of these passes.

        Args:
            divisions: Divisions of the training set.
            passes: What is trained, one after another, on each division.

        Returns:
            The losses on T' and V of each division: those of each column at N
            and after the pass that is for it, with the groups.
        """
        first = self._num_begun
        self._num_begun += len(divisions)
        for index, division in enumerate(divisions, start=first):
            if index >= len(self._done.measured) - 1:
                start = (
                    _start(self._done.measured[index - first])
                    if first
                    else None
                )
                self._run_division(index, division, passes, start)
            else:
                self._bar.skip(len(passes))
        return [
            _grouped(self._done.measured[index], division)
            for index, division in enumerate(divisions, start=first)
        ]

    def held_out(self, divisions: Sequence[Division]) -> Heldout | None:
        """Returns what heads said of V after the latest call of `run`.

        Each head as the pass left it that is for it; of a large V, a part.

        Args:
            divisions: Those of that call.

        Returns:
            V of all divisions; None where a pass diverged.
        """
        parts = []
        for index, division in enumerate(
            divisions, start=self._num_begun - len(divisions)
        ):
            if index not in self._done.evidence:
                return None
            evidence, labels = self._done.evidence[index]
            _, losses = _grouped(self._done.measured[index], division)
            rows = _part(len(losses.weight), evidence)
            group = None if losses.group is None else losses.group[rows]
            parts.append(Heldout(evidence, labels, losses.weight[rows], group))
        return Heldout(
            np.concatenate([each.evidence for each in parts]),
            np.concatenate([each.labels for each in parts]),
            np.concatenate([each.weight for each in parts]),
            _joined_groups(parts),
        )

    def _run_division(
        self,
        index: int,
        division: Division,
        passes: Sequence[Pass],
        start: LossPair | None,
    ) -> None:
        done = self._done
        if division.training_set is not None and division.rows is not None:
            division.training_set.use(division.rows)
        if index == len(done.measured):
            done.measured.append(start or self._measure_start(division))
            done.passes_done = 0
            self._journal.write(self._model, done)
        self._bar.skip(done.passes_done, done.epochs_done)
        for each in passes[done.passes_done :]:
            self._bar.begin_pass(each.name)
            try:
                self._train(each, division.train)
            except FloatingPointError:
                if not each.may_diverge:
                    raise
                for losses in done.measured[index]:
                    losses.end[:] = np.inf
            else:
                self._measure_pass(each, division, index)
            self._snapshot.restore()
            done.passes_done += 1
            done.epochs_done = 0
            self._journal.write(self._model, done)

    def _train(self, each: Pass, dataset: Any) -> None:
        """Trains with the model's own compiled step.

        Learning-rate schedules run as they would have run in these epochs.
        """
        model, settings = self._model, self._settings
        model.head_weights.update(each.weights)
        epoch = self._window.epoch
        with (
            model.head_weights.kept_at(each.scale),
            _undisturbed(model),
            keras_loops.unknown_length(),
        ):
            keras_loops.fit(
                model,
                {
                    "x": dataset,
                    "initial_epoch": epoch + self._done.epochs_done,
                    "epochs": epoch + self._window.num_epochs,
                    "steps_per_epoch": settings.steps_per_epoch,
                    "class_weight": settings.class_weight,
                    "verbose": 0,
                    "shuffle": False,  # a dataset shuffles itself
                    "callbacks": [
                        fit_arguments.LossGuard(model.head_names),
                        fit_arguments.EpochStarter(dataset),
                        *settings.schedules,
                        keras.callbacks.LambdaCallback(
                            on_epoch_end=self._end_epoch
                        ),
                    ],
                },
            )
        model.reset_metrics()

    def _end_epoch(self, epoch: int, logs: Any) -> None:
        del logs
        self._done.examples_trained += self._model.examples_seen
        self._done.epochs_done += 1
        self._journal.write(self._model, self._done)
        self._bar.update(epoch)

    def _measure_start(self, division: Division) -> LossPair:
        train, holdout = (
            Losses(start, start.copy(), weight)
            for start, weight in map(
                self._measure, (division.train_sample, division.holdout)
            )
        )
        return train, holdout

    def _measure_pass(self, each: Pass, division: Division, index: int) -> None:
        """Measures what a pass has come to."""
        train, holdout = self._done.measured[index]
        columns = slice(None) if each.columns is None else list(each.columns)
        if not each.holdout_only:
            found, _ = self._measure(division.train_sample)
            train.end[:, columns] = found[:, columns]
        rows = self._measure(division.holdout, evidence=each.evidence)
        if not each.evidence:
            holdout.end[:, columns] = rows[0][:, columns]
            return
        found, said = split_evidence(self._model, *rows)
        holdout.end[:, columns] = found[:, columns]
        some = said.of(_part(len(found), said.evidence))
        kept, _ = self._done.evidence.setdefault(
            index, (np.zeros_like(some.evidence), some.labels)
        )
        kept[:, columns] = some.evidence[:, columns]

    def _measure(
        self, data: Any, *, evidence: bool = False
    ) -> tuple[ogr.FloatArray, ogr.FloatArray]:
        found = self._model.measure(
            data,
            self._measure_kind,
            class_weight=self._settings.class_weight,
            exponents=self._exponents,
            evidence=evidence,
        )
        self._done.examples_measured += len(found[1])
        return found


def _part(num_examples: int, evidence: npt.NDArray[Any]) -> slice:
    """Returns which examples are kept: every so many-th."""
    _, num_heads, num_classes = evidence.shape
    most = min(MOST_EXAMPLES, max(1, MOST_VALUES // (num_heads * num_classes)))
    return slice(None, None, -(-num_examples // most))


def _start(pair: LossPair) -> LossPair:
    """Returns the losses at N alone, as before any pass."""
    train, holdout = (each._replace(end=each.start.copy()) for each in pair)
    return train, holdout


def num_steps(division: Division) -> int | None:
    """Returns the steps of an epoch of T, or None where they are not known."""
    training_set = division.training_set
    if training_set is not None:
        rows = training_set.rows if division.rows is None else division.rows
        examples = len(rows) * training_set.source.clips_per_epoch
        return -(-examples // training_set.batch_size)
    if not isinstance(division.train, tf.data.Dataset):
        return None
    steps = int(division.train.cardinality())
    return steps if steps >= 0 else None  # endless, or unknown


def pooled(parts: Sequence[LossPair]) -> LossPair:
    """Returns the losses of several divisions as if they were of one."""
    train, holdout = map(_joined, zip(*parts, strict=True))
    return train, holdout


def _joined(parts: Sequence[Losses]) -> Losses:
    return Losses(
        np.concatenate([each.start for each in parts]),
        np.concatenate([each.end for each in parts]),
        np.concatenate([each.weight for each in parts]),
        _joined_groups(parts),
    )


def _joined_groups(
    parts: Sequence[Losses] | Sequence[Heldout],
) -> npt.NDArray[Any] | None:
    """Returns the groups of all parts; None where a part has none."""
    groups = [each.group for each in parts if each.group is not None]
    return np.concatenate(groups) if len(groups) == len(parts) else None


def _grouped(pair: LossPair, division: Division) -> LossPair:
    train, holdout = (
        losses._replace(group=group)
        for losses, group in zip(pair, division.groups, strict=True)
    )
    return train, holdout


@contextmanager
def _undisturbed(model: BlendedModel) -> Iterator[None]:
    """Makes an inner `fit` nothing but the epochs that it is asked for.

    What it would overwrite of the outer one is kept. At its end an optimizer
    would put its moving averages into the weights: that is for the end of
    training, and what a pass has learned is measured without it.
    """
    names = (
        "history",
        "stop_training",
        keras_private.INITIAL_EPOCH,
        keras_private.EVALUATION_ITERATOR,
    )
    kept = {name: vars(model)[name] for name in names if name in vars(model)}
    setattr(model, keras_private.INITIAL_EPOCH, None)
    model.optimizer.finalize_variable_values = lambda _: None
    try:
        yield
    finally:
        del model.optimizer.finalize_variable_values
        for name, value in kept.items():  # none outside of any `fit`
            setattr(model, name, value)


class _Bar:
    """Shows how far the passes are."""

    def __init__(
        self,
        window: Window,
        num_passes: int,
        settings: fit_arguments.FitSettings,
    ) -> None:
        self._window = window
        self._num_passes = num_passes
        self._settings = settings
        self._begun = 0

    def show(self) -> None:
        """Puts the bar on the screen."""
        self._bar = progress.make_bar(
            self._num_passes * self._window.num_epochs,
            f"estimate at epoch {self._window.epoch}",
            show=self._settings.verbose > 0,
        )

    def skip(self, num_passes: int, num_epochs: int = 0) -> None:
        """Counts what an earlier try has done."""
        self._begun += num_passes
        self._bar.update(num_passes * self._window.num_epochs + num_epochs)

    def begin_pass(self, name: str) -> None:
        """Names the pass that begins."""
        self._begun += 1
        self._bar.set_description(
            f"estimate at epoch {self._window.epoch}, pass "
            f"{self._begun}/{self._num_passes} ({name})"
        )

    def update(self, epoch: int) -> None:
        """Adds one finished epoch of a pass."""
        last = self._window.epoch + self._window.num_epochs
        self._bar.set_postfix_str(f"epoch {epoch + 1} of {last}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Takes the bar off the screen."""
        self._bar.close()
