"""Divisions of a training set into T, V and T': one, or one a fold."""

from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import datasets
from gblend_keras.data import holdout as held_out
from gblend_keras.data import sources
from gblend_keras.data import training_set as sets


class Division(NamedTuple):
    """One division of the training set, for an estimate to train and measure.

    Attributes:
        train: T, as a dataset that `keras.Model.fit` takes.
        holdout: V, to be measured.
        train_sample: T', a fixed sample of T, to be measured.
        rows: The rows of T, where several divisions share one training set;
            or None.
        holdout_rows: The rows of V, where they are known; or None.
        sample_rows: The rows of T', where they are known; or None.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.data import division
        >>> x = {"sound": np.zeros((40, 20)), "pose": np.zeros((40, 6))}
        >>> y = np.arange(40) % 2
        >>> five = division.divide((x, y), folds=5)
        >>> len(five), five[0].holdout_rows.shape
        (5, (8,))
    """

    train: Any
    holdout: Any
    train_sample: Any
    rows: sources.IntArray | None = None
    holdout_rows: sources.IntArray | None = None
    sample_rows: sources.IntArray | None = None

    @property
    def training_set(self) -> sets.TrainingSet | None:
        """The training set that is divided; None for other data."""
        return sets.training_set_of(self.train)

    @property
    def groups(self) -> tuple[sources.IntArray | None, ...]:
        """Whose the examples of T' and of V are; None where not by group."""
        training_set = self.training_set
        return tuple(
            None
            if training_set is None or rows is None
            else training_set.groups_of(rows)
            for rows in (self.sample_rows, self.holdout_rows)
        )


def divide(
    train: Any,
    holdout: Any = None,
    *,
    folds: int | list[npt.NDArray[np.int64]] | None = None,
    train_sample: Any = None,
    seed: int = 0,
) -> list[Division]:
    """Returns the divisions that an estimate pools the losses of.

    Args:
        train: A `TrainingSet`, its T, arrays `(x, y)`, or any finite dataset.
        holdout: V. None for that of the training set, and with `folds`.
        folds: Row numbers of each fold, or how many folds.
        train_sample: T', of the structure of V. None: a sample of T of V's
            size, drawn once.
        seed: Seeds what is drawn.

    Raises:
        ValueError: If the arguments do not fit together, or V could not
            return to the training set without anybody noticing.
    """
    if (
        holdout is None
        and folds is None
        and isinstance(train, sets.TrainingSet)
    ):
        holdout = train.holdout
    if (holdout is None) == (folds is None):
        raise ValueError(
            "`holdout` and `folds` exclude each other. Expected one of them. "
            f"Received: {'neither' if folds is None else 'both'}. "
            "Use `split_holdout` for a holdout."
        )
    examples = datasets.as_examples(train)
    if examples is not None:
        train = datasets.make_training_dataset(examples, seed=seed)
    if folds is not None:
        return _by_folds(train, folds, seed)
    holdout, train_sample = map(_measurable, (holdout, train_sample))
    _check_return(train, holdout)
    known = isinstance(holdout, sets.Holdout)
    training_set = sets.training_set_of(train)
    sample_rows = None
    if train_sample is None:
        size = len(holdout.rows) if known else _num_examples(holdout)
        if training_set is None:
            train_sample = sources.sample_stream(train, size, seed=seed)
        else:
            sample_rows = training_set.sample_rows(size, seed=seed)
            train_sample = training_set.view(sample_rows)
    return [
        Division(
            sets.as_dataset(train),
            holdout,
            train_sample,
            holdout_rows=holdout.rows if known else None,
            sample_rows=sample_rows,
        )
    ]


def _measurable(data: Any) -> Any:
    """Returns arrays as a dataset in order, and other data as they are."""
    examples = datasets.as_examples(data)
    return data if examples is None else datasets.make_dataset(examples)


def _check_return(train: Any, holdout: Any) -> None:
    """Raises where V belongs to a training set, but not to that of `train`."""
    training_set = sets.training_set_of(train)
    if isinstance(holdout, sets.Holdout):
        if not holdout.training_set.shares_rows(training_set):
            raise ValueError(
                "`holdout` cannot return to `train`. Expected the training "
                "set that it was held out of, or what its `map` returns. "
                f"Received: train={_kind(train, 'another training set')}. "
                "Pass that, or `holdout.dataset` to do without V's return."
            )
    elif training_set is not None and len(training_set.holdout_rows):
        raise ValueError(
            "`holdout` is not V of the training set, which would not return. "
            "Expected what `split_holdout` gave with it, or what the `map` of "
            f"that returns. Received: holdout={_kind(holdout)}. Pass that, "
            "or `train.dataset` to do without V's return."
        )


def check_trained_on(division: Division, data: object) -> None:
    """Raises if V would return to a training set that is not trained on.

    Args:
        division: The division; nothing is checked where V is not known.
        data: What `fit` trains on.
    """
    training_set = division.training_set
    if training_set is None or not isinstance(division.holdout, sets.Holdout):
        return
    if not training_set.shares_rows(sets.training_set_of(data)):
        raise ValueError(
            "`fit` does not train on the training set of GradientBlending, "
            "so V would not return. Expected the same one, or what its `map` "
            f"returns. Received: x={_kind(data, 'another training set')}. "
            "Give it to `fit`, or give GradientBlending `train.dataset` and "
            "`holdout.dataset` to do without V's return."
        )


def _kind(data: Any, of_training_set: str = "TrainingSet") -> str:
    ours = sets.training_set_of(data) is not None
    return of_training_set if ours else type(data).__name__


def _by_folds(
    train: Any, folds: int | list[npt.NDArray[np.int64]], seed: int
) -> list[Division]:
    training_set = sets.training_set_of(train)
    if training_set is None:
        raise ValueError(
            "`folds` needs a training set that can be divided. Expected "
            "arrays, or a dataset of `make_training_dataset`. "
            f"Received: {type(train).__name__}. Use a holdout."
        )
    if len(training_set.holdout_rows):
        raise ValueError(
            "`folds` needs the whole training set. Expected one of "
            "`make_training_dataset`. Received: a training set with a holdout "
            f"of {len(training_set.holdout_rows)} examples. "
            "Leave `folds` out, or do not split."
        )
    everything = training_set.rows
    if isinstance(folds, int):
        labels = training_set.source.labels[everything]
        parts = held_out.fold_indices(labels, folds=folds, seed=seed)
        folds = [everything[part] for part in parts]
    rng = np.random.default_rng(seed)
    divisions = []
    for held in map(np.asarray, folds):
        rest = np.setdiff1d(everything, held)
        seen = rng.choice(rest, size=min(len(held), len(rest)), replace=False)
        divisions.append(
            Division(
                training_set.epochs,
                training_set.view(held),
                training_set.view(np.sort(seen)),
                rows=rest,
                holdout_rows=held,
                sample_rows=np.sort(seen),
            )
        )
    return divisions


def _num_examples(dataset: Any) -> int:
    return sum(
        len(tf.nest.flatten(batch)[0]) for batch in sources.batches(dataset)
    )
