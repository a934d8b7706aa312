"""Examples -> `tf.data` of `({modality: tensor}, label)`, epoch by epoch.

The order of an epoch is a function of (seed, epoch), never of what was read
before: that is what lets an estimate leave no trace and a killed run resume.
"""

from collections.abc import Callable
from typing import Any
from typing import cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import example_set
from gblend_keras.data import holdout
from gblend_keras.data import sources
from gblend_keras.data.clips import clip_set

# Turns a dataset of batches into one of slices of them.
Cut = Callable[[Any], tf.data.Dataset]


class Feed:
    """A training dataset that knows its examples, and which epoch comes next.

    `feed.dataset` is what `fit` takes. It gives the rows in use, in an order
    that is a function of (seed, epoch). Each pass moves on to the next epoch;
    `start_epoch` sets it.

    Args:
        source: The examples.
        rows: Which of them are used.
        batch_size: Examples a batch; the last batch may be smaller.
        seed: Seeds the order.
    """

    def __init__(
        self,
        source: sources.Source,
        rows: sources.IntArray,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        with tf.device("CPU:0"):
            self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._rows = tf.Variable(
                np.sort(np.asarray(rows, np.int64)),
                shape=[None],
                dtype=tf.int64,
                trainable=False,
            )
            self._limit = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self.dataset = self._epochs()

    @property
    def rows(self) -> sources.IntArray:
        """The rows in use, sorted."""
        rows: sources.IntArray = self._rows.numpy()
        return rows

    @property
    def num_examples(self) -> int:
        """How many examples an epoch has now."""
        return len(self.rows)

    def start_epoch(self, epoch: int) -> None:
        """Makes the next pass the one of `epoch`."""
        self._epoch.assign(epoch)

    def use(self, rows: sources.IntArray, *, keep_length: bool = False) -> None:
        """Makes later passes draw on these rows.

        Args:
            rows: Row numbers.
            keep_length: Keep the number of batches an epoch: each epoch is a
                part of the rows then, if they are more than before. A running
                `fit` needs that, for Keras counts batches in its first epoch.
        """
        limit = -1  # all
        if keep_length:
            examples = self.num_examples * self.source.clips_per_epoch
            limit = -(-examples // self.batch_size)
        self._limit.assign(limit)
        self._rows.assign(np.sort(np.asarray(rows, np.int64)))

    def view(self, rows: sources.IntArray) -> tf.data.Dataset:
        """Returns these rows once, in order: what is measured."""
        return _read_once(self.source, rows, self.batch_size)

    def sample(self, size: int, *, seed: int) -> sources.IntArray:
        """Draws rows from those in use, without replacement, sorted."""
        rng = np.random.default_rng(seed)
        size = min(size, self.num_examples)
        return np.sort(rng.choice(self.rows, size=size, replace=False))

    def _epochs(self, cut: Cut | None = None) -> tf.data.Dataset:
        reader = _Reader(self.source, self.batch_size, cut)

        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            epoch = self._epoch.assign_add(1) - 1
            seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
            rows, limit = self._rows.read_value(), self._limit.read_value()
            return reader.begin(rows, seed, limit)

        epochs = tf.data.Dataset.from_tensors(0).flat_map(one_epoch)
        dataset = reader.finish(epochs)
        dataset.feed = self  # `feed_of` finds it
        dataset.with_cut = self._epochs  # `cut_into_slices` finds it
        return dataset


def feed_of(dataset: object) -> Feed | None:
    """Returns the feed behind a dataset of ours, or None."""
    feed = getattr(dataset, "feed", None)
    return feed if isinstance(feed, Feed) else None


def cut_into_slices(dataset: tf.data.Dataset, cut: Cut) -> tf.data.Dataset:
    """Cuts the batches of a dataset, before they are read where it is ours.

    Args:
        dataset: Batches.
        cut: Turns a dataset of batches into one of their slices.
    """
    with_cut: Cut | None = getattr(dataset, "with_cut", None)
    return cut(dataset) if with_cut is None else with_cut(cut)


class _Reader:
    """Reads a source in two steps: what an epoch is made of, and its values.

    The second step stands outside the functions that make an epoch:
    TensorFlow prepares those anew each time.

    Args:
        source: The examples.
        batch_size: Examples a batch.
        cut: Cuts the batches into slices, before their values are read where
            the source can plan.
    """

    def __init__(
        self, source: sources.Source, batch_size: int, cut: Cut | None
    ) -> None:
        self._cheap = source.cheap
        self._batch_size = batch_size
        self._cut = cut
        self._load: Callable[..., Any] | None = None
        if isinstance(source, sources.PlannedSource) and (
            cut is not None or not isinstance(source, sources.ReadSource)
        ):
            self._batches = source.plan
            self._load = source.load
        else:
            self._batches = cast(sources.ReadSource, source).read

    def begin(
        self, rows: tf.Tensor, seed: tf.Tensor | None, limit: tf.Tensor
    ) -> tf.data.Dataset:
        """Returns at most `limit` batches, or their slices; all at -1."""
        batches = self._batches(rows, self._batch_size, seed).take(limit)
        return batches if self._cut is None else self._cut(batches)

    def finish(self, begun: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the examples of what `begin` gave, some of them ahead.

        Where reading is cheap it is not tuned: the thread that tunes can hold
        up the end of each pass for a second (TensorFlow 2.21).
        """
        if self._load is not None:
            begun = begun.map(self._load, num_parallel_calls=tf.data.AUTOTUNE)
        if not self._cheap:
            return begun.prefetch(tf.data.AUTOTUNE)
        options = tf.data.Options()
        options.autotune.enabled = False
        return begun.prefetch(2).with_options(options)


def source_of(examples: example_set.ExampleSet) -> sources.Source:
    """Returns what reads these examples by row number."""
    if isinstance(examples, clip_set.ClipExamples):
        return examples.source()
    if isinstance(examples, example_set.Examples):
        return sources.ArraySource(examples)
    raise TypeError(
        "`examples` cannot be read. Expected Examples or ClipExamples. "
        f"Received: {type(examples).__name__}. Make one of these."
    )


def make_dataset(
    examples: example_set.ExampleSet, *, batch_size: int = 32
) -> tf.data.Dataset:
    """Returns the examples once, in order: to validate and to test."""
    return _read_once(source_of(examples), np.arange(len(examples)), batch_size)


def _read_once(
    source: sources.Source, rows: sources.IntArray, batch_size: int
) -> tf.data.Dataset:
    """Reads rows in order; Keras is told how many batches there are."""
    wanted = tf.constant(rows, tf.int64)
    num_batches = -(-len(rows) // batch_size)
    counted = tf.data.experimental.assert_cardinality(num_batches)

    def read(cut: Cut | None = None) -> tf.data.Dataset:
        reader = _Reader(source, batch_size, cut)
        batches = reader.begin(wanted, None, tf.constant(-1, tf.int64))
        # How many slices there are depends on the cut.
        return reader.finish(batches if cut else batches.apply(counted))

    dataset = read()
    dataset.with_cut = read  # `cut_into_slices` finds it
    return dataset


def make_training_dataset(
    examples: example_set.ExampleSet, *, batch_size: int = 32, seed: int = 0
) -> tf.data.Dataset:
    """Returns the examples, shuffled anew each epoch by (seed, epoch)."""
    return Feed(
        source_of(examples),
        np.arange(len(examples)),
        batch_size=batch_size,
        seed=seed,
    ).dataset


def split_holdout(
    dataset: Any,
    fraction: float = 0.08,
    *,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    batch_size: int | None = None,
    labels: npt.ArrayLike | None = None,
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
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
        `(train, holdout)`, both `tf.data.Dataset`.

    Raises:
        ValueError: If the set is empty or malformed, or cannot be divided.
        TypeError: If `dataset` is none of these.
    """
    source, own_batch_size = _source(dataset, labels)
    size = batch_size or own_batch_size
    held = holdout.holdout_indices(
        source.labels, fraction=fraction, groups=groups, seed=seed
    )
    rest = np.setdiff1d(np.arange(len(source.labels)), held)
    train = Feed(source, rest, batch_size=size, seed=seed)
    return train.dataset, holdout_dataset(train, held)


def holdout_dataset(train: Feed, rows: sources.IntArray) -> tf.data.Dataset:
    """V as a dataset that knows its rows, so that T can take them back."""
    dataset = train.view(rows)
    dataset.held_rows = rows  # `held_rows_of` finds them
    return dataset


def held_rows_of(holdout_dataset: object) -> sources.IntArray | None:
    """Returns the rows of a holdout of `split_holdout`, or None."""
    rows = getattr(holdout_dataset, "held_rows", None)
    return rows if isinstance(rows, np.ndarray) else None


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
        return sources.StreamSource(dataset, labels=labels), _batch_size(
            dataset
        )
    raise TypeError(
        "`dataset` cannot be divided. Expected `(x, y)` arrays with "
        "x = {modality: array}, or a batched tf.data.Dataset. "
        f"Received: {type(dataset).__name__}. "
        "Turn it into one of these first."
    )


def _batch_size(dataset: tf.data.Dataset) -> int:
    for batch in dataset.take(1):
        return int(tf.shape(tf.nest.flatten(batch)[0])[0])
    raise ValueError(sources.EMPTY)
