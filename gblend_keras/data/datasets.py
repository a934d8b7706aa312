"""Datasets from examples, and the division of a training set into T and V."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import batches
from gblend_keras.data import example_set
from gblend_keras.data import holdout
from gblend_keras.data import sources
from gblend_keras.data.clips import clip_set
from gblend_keras.data.training_set import TrainingBatches
from gblend_keras.data.training_set import TrainingSet


def source_of(examples: example_set.ExampleSet) -> sources.Source:
    """Returns what reads these examples by row number."""
    if not hasattr(examples, "source"):
        raise TypeError(
            "`examples` cannot be read. Expected Examples or ClipExamples. "
            f"Received: {type(examples).__name__}. Make one of these."
        )
    return examples.source()


def make_dataset(
    examples: example_set.ExampleSet, *, batch_size: int = 32
) -> tf.data.Dataset:
    """Returns the examples once, in order: to validate and to test.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"a": np.ones((8, 3)), "b": np.ones((8, 2))}
        >>> y = np.arange(8) % 2
        >>> dataset = gb.make_dataset(gb.Examples(x, y), batch_size=3)
        >>> len(dataset)
        3
    """
    return batches.Batches(
        batches.read_rows(
            source_of(examples), np.arange(len(examples)), batch_size
        )
    )


def make_training_dataset(
    examples: example_set.ExampleSet,
    *,
    batch_size: int = 32,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> TrainingBatches:
    """Returns the examples, shuffled anew each epoch by (seed, epoch).

    All of them are trained on: nothing is held out.

    Args:
        examples: The training set.
        batch_size: Examples a batch.
        seed: Seeds the order.
        groups: Whose each example is, where folds hold out whole groups.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"a": np.ones((8, 3)), "b": np.ones((8, 2))}
        >>> y = np.arange(8) % 2
        >>> train = gb.make_training_dataset(gb.Examples(x, y), batch_size=3)
        >>> [len(labels) for _, labels in train]
        [3, 3, 2]
    """
    return TrainingSet(
        source_of(examples),
        np.arange(len(examples)),
        groups=groups,
        batch_size=batch_size,
        seed=seed,
    ).train


def split_holdout(
    dataset: Any,
    fraction: float = 0.08,
    *,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    batch_size: int | None = None,
    labels: npt.ArrayLike | None = None,
) -> TrainingSet:
    """Divides a training set into T, to train on, and V, to measure on.

    Stratified by label, or by whole groups. Both parts are batched. T is
    shuffled anew each epoch by (seed, epoch); V is not. Split before you
    shuffle, and augment inside the network or before the split.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 2.4: V is held out of the
    training set; 8 % for Kinetics (section 3.1).

    Args:
        dataset: The whole training set. Arrays as `(x, y)` or
            `(x, y, sample_weight)` with `x = {modality: array}`; `Examples`;
            or a batched `tf.data.Dataset` of the same, in a fixed order.
        fraction: Share of the examples in V, in (0, 1).
        seed: Seeds the division and the order.
        groups: One value an example (subject, speaker, kitchen), in order;
            whole groups are held out then.
        batch_size: Examples a batch. None: as in `dataset`, or 32 for arrays.
        labels: For a `tf.data.Dataset`, the labels in order when they are
            known; else one pass over the data reads them.

    Returns:
        The training set. It may be unpacked: `train, holdout = ...`.

    Raises:
        ValueError: If the set is empty or malformed, or cannot be divided.
        TypeError: If `dataset` is none of these.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"a": np.ones((8, 3)), "b": np.ones((8, 2))}
        >>> y = np.arange(8) % 2
        >>> training_set = gb.split_holdout((x, y), fraction=0.25, seed=0)
        >>> train, holdout = training_set  # T and V
        >>> training_set.num_examples, len(training_set.holdout_rows)
        (6, 2)
    """
    source, own_batch_size = _source(dataset, labels)
    size = batch_size or own_batch_size
    held = holdout.holdout_indices(
        source.labels, fraction=fraction, groups=groups, seed=seed
    )
    rest = np.setdiff1d(np.arange(len(source.labels)), held)
    return TrainingSet(
        source,
        rest,
        holdout_rows=held,
        groups=groups,
        batch_size=size,
        seed=seed,
    )


def as_examples(data: Any) -> example_set.ExampleSet | None:
    """Returns a set of examples; None where `data` is none.

    Args:
        data: A set of examples, or arrays `(x, y)` or `(x, y, sample_weight)`
            with `x = {modality: array}`.

    Raises:
        ValueError: As `Examples` does.
    """
    if isinstance(data, (example_set.Examples, clip_set.ClipExamples)):
        return data
    if not (isinstance(data, tuple) and len(data) in (2, 3)):
        return None
    x, y, *rest = data
    if not isinstance(x, dict):
        return None
    weight = rest[0] if rest else None
    return example_set.Examples(
        x={name: np.asarray(array) for name, array in x.items()},
        y=np.asarray(y),
        sample_weight=None if weight is None else np.asarray(weight),
    )


def _source(
    dataset: Any, labels: npt.ArrayLike | None
) -> tuple[sources.Source, int]:
    examples = as_examples(dataset)
    if examples is not None:
        return source_of(examples), 32  # Keras' own default
    if isinstance(dataset, tf.data.Dataset):
        source = sources.StreamSource(dataset, labels=labels)
        for batch in dataset.take(1):
            return source, int(tf.shape(tf.nest.flatten(batch)[0])[0])
        raise ValueError(sources.EMPTY)
    raise TypeError(
        "`dataset` cannot be divided. Expected `(x, y)` arrays with "
        "x = {modality: array}, or a batched tf.data.Dataset. "
        f"Received: {type(dataset).__name__}. "
        "Turn it into one of these first."
    )
