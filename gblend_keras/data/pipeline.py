"""Examples -> `tf.data` of `({modality: tensor}, label)`, epoch by epoch.

The order of an epoch is a function of (seed, epoch), never of what was read
before: that is what lets an estimate leave no trace and a killed run resume.
"""

from collections.abc import Iterator
from typing import Any
from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import arrays
from gblend_keras.data import holdout

IntArray = npt.NDArray[np.int64]

MAX_SAMPLE_BYTES = 2**31


class Source(Protocol):
    """Examples that can be read by row number."""

    labels: arrays.Array

    def read(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of these rows; shuffled when given a seed `(2,)`."""


class ArraySource:
    """Examples in memory."""

    def __init__(self, examples: arrays.Examples) -> None:
        self.labels = examples.y
        parts: tuple[Any, ...] = (
            {name: _single(array) for name, array in examples.x.items()},
            _single(examples.y),
        )
        if examples.sample_weight is not None:
            parts += (examples.sample_weight.astype(np.float32),)
        with tf.device("CPU:0"):  # batches are cut on the host
            self._parts = tf.nest.map_structure(tf.constant, parts)

    def read(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of these rows, in an order that `seed` gives."""
        parts = self._parts
        if seed is not None:
            rows = tf.random.experimental.stateless_shuffle(rows, seed)

        def gather(batch: tf.Tensor) -> Any:
            return tf.nest.map_structure(
                lambda part: tf.gather(part, batch), parts
            )

        return (
            tf.data.Dataset.from_tensor_slices(rows)
            .batch(batch_size)
            .map(gather, num_parallel_calls=tf.data.AUTOTUNE)
        )


class StreamSource:
    """Examples of a batched `tf.data.Dataset` whose order does not change.

    Later passes keep the rows asked for and check that each still has its
    label, so that a shuffled stream cannot leak held out examples into
    training unseen.

    Args:
        dataset: Batches of `({modality: tensor}, label)`.
        labels: The label of every example in order, when known; otherwise one
            pass over the dataset reads them.
        shuffle_buffer: How many examples are shuffled at a time.
    """

    def __init__(
        self,
        dataset: tf.data.Dataset,
        *,
        labels: npt.ArrayLike | None = None,
        shuffle_buffer: int = 1024,
    ) -> None:
        self._shuffle_buffer = shuffle_buffer
        self.labels = (
            _read_labels(dataset) if labels is None else np.asarray(labels)
        )
        self._examples = dataset.unbatch()
        arrays.check_labels(self.labels)
        with tf.device("CPU:0"):
            self._expected = tf.constant(_single(self.labels))

    def read(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of these rows, shuffled in a buffer by `seed`."""
        expected = self._expected
        wanted = tf.scatter_nd(
            rows[:, None],
            tf.ones_like(rows),
            tf.shape(expected, out_type=tf.int64)[:1],
        )
        examples = (
            self._examples.enumerate()
            .map(
                lambda row, example: (row, _same_label(example, expected[row]))
            )
            .filter(lambda row, _: wanted[row] > 0)
            .map(lambda _, example: example)
        )
        if seed is not None:
            examples = _shuffled(examples, self._shuffle_buffer, seed)
        return examples.batch(batch_size)


def _shuffled(
    examples: tf.data.Dataset, buffer_size: int, seed: tf.Tensor
) -> tf.data.Dataset:
    """Shuffles by a seed that is a tensor, shape `(2,)`.

    `Dataset.shuffle` takes such a seed only as long as nobody has called
    `tf.random.set_seed`.
    """
    specs = tf.nest.flatten(examples.element_spec)
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(examples),
        buffer_size=tf.constant(buffer_size, tf.int64),
        seed=seed[0] + 1,  # two zeros would stand for any seed
        seed2=seed[1] + 1,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(shuffled, examples.element_spec)


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
        self, source: Source, rows: IntArray, *, batch_size: int, seed: int
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
    def rows(self) -> IntArray:
        """The rows in use, sorted."""
        rows: IntArray = self._rows.numpy()
        return rows

    @property
    def num_examples(self) -> int:
        """How many examples an epoch has now."""
        return len(self.rows)

    def start_epoch(self, epoch: int) -> None:
        """Makes the next pass the one of `epoch`."""
        self._epoch.assign(epoch)

    def use(self, rows: IntArray, *, keep_length: bool = False) -> None:
        """Makes later passes draw on these rows.

        Args:
            rows: Row numbers.
            keep_length: Keep the number of batches an epoch: each epoch is a
                part of the rows then, if they are more than before. A running
                `fit` needs that, for Keras counts batches in its first epoch.
        """
        limit = -1  # all
        if keep_length:
            limit = -(-self.num_examples // self.batch_size)
        self._limit.assign(limit)
        self._rows.assign(np.sort(np.asarray(rows, np.int64)))

    def view(self, rows: IntArray) -> tf.data.Dataset:
        """Returns these rows once, in order: what is measured."""
        return self.source.read(
            tf.constant(rows, tf.int64), self.batch_size, None
        ).prefetch(1)

    def sample(self, size: int, *, seed: int) -> IntArray:
        """Draws rows from those in use, without replacement, sorted."""
        rng = np.random.default_rng(seed)
        size = min(size, self.num_examples)
        return np.sort(rng.choice(self.rows, size=size, replace=False))

    def _epochs(self) -> tf.data.Dataset:
        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            epoch = self._epoch.assign_add(1) - 1
            seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
            batches_of_epoch = self.source.read(
                self._rows.read_value(), self.batch_size, seed
            )
            return batches_of_epoch.take(self._limit.read_value())

        dataset = tf.data.Dataset.from_tensors(0).flat_map(one_epoch)
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        dataset.feed = self  # `feed_of` finds it
        return dataset


def feed_of(dataset: object) -> Feed | None:
    """Returns the feed behind a dataset of ours, or None."""
    feed = getattr(dataset, "feed", None)
    return feed if isinstance(feed, Feed) else None


def make_dataset(
    examples: arrays.Examples, *, batch_size: int = 32
) -> tf.data.Dataset:
    """Returns the examples once, in order: to validate and to test."""
    rows = tf.range(len(examples), dtype=tf.int64)
    return ArraySource(examples).read(rows, batch_size, None).prefetch(1)


def make_training_dataset(
    examples: arrays.Examples, *, batch_size: int = 32, seed: int = 0
) -> tf.data.Dataset:
    """Returns the examples, shuffled anew each epoch by (seed, epoch)."""
    return Feed(
        ArraySource(examples),
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


def holdout_dataset(train: Feed, rows: IntArray) -> tf.data.Dataset:
    """V as a dataset that knows its rows, so that T can take them back."""
    dataset = train.view(rows)
    dataset.held_rows = rows  # `held_rows_of` finds them
    return dataset


def held_rows_of(holdout_dataset: object) -> IntArray | None:
    """Returns the rows of a holdout of `split_holdout`, or None."""
    rows = getattr(holdout_dataset, "held_rows", None)
    return rows if isinstance(rows, np.ndarray) else None


def as_examples(data: Any) -> arrays.Examples | None:
    """Returns arrays as `Examples`; None where `data` is no arrays.

    Args:
        data: `Examples`, or `(x, y)`, or `(x, y, sample_weight)` with
            `x = {modality: array}`.

    Raises:
        ValueError: As `Examples` does.
    """
    if isinstance(data, arrays.Examples):
        return data
    if not (isinstance(data, tuple) and len(data) in (2, 3)):
        return None
    x, y, *rest = data
    if not isinstance(x, dict):
        return None
    weight = rest[0] if rest else None
    return arrays.Examples(
        x={name: np.asarray(array) for name, array in x.items()},
        y=np.asarray(y),
        sample_weight=None if weight is None else np.asarray(weight),
    )


def batches(dataset: Any) -> Iterator[Any]:
    """Yields the batches of a `tf.data.Dataset` or a `PyDataset`, once."""
    if isinstance(dataset, keras.utils.PyDataset):
        for index in range(dataset.num_batches):
            yield dataset[index]
    else:
        yield from dataset


def sample_stream(dataset: Any, size: int, *, seed: int) -> tf.data.Dataset:
    """Draws examples from a dataset that is not ours, and keeps them.

    One pass over the data; each example has the same chance (reservoir
    sampling). The sample is held in memory.

    Args:
        dataset: A finite `tf.data.Dataset` or `PyDataset` of batches.
        size: How many examples.
        seed: Seeds the draw.

    Returns:
        The sample, in batches.

    Raises:
        ValueError: If the dataset is infinite, or the sample takes more than
            2 GiB.
    """
    infinite = tf.data.INFINITE_CARDINALITY
    if (
        isinstance(dataset, tf.data.Dataset)
        and dataset.cardinality() == infinite
    ):
        raise ValueError(
            "`train` never ends. Expected a finite dataset to sample from. "
            "Received: a repeated one. Pass `train_sample`."
        )
    rng = np.random.default_rng(seed)
    kept: list[Any] = []
    seen = 0
    for batch in batches(dataset):
        values = tf.nest.map_structure(np.asarray, tuple(batch))
        for row in range(len(values[1])):
            place = seen if seen < size else int(rng.integers(seen + 1))
            seen += 1
            if place < size:
                example = tf.nest.map_structure(
                    lambda value, row=row: value[row], values
                )
                kept[place : place + 1] = [example]
                _check_sample_bytes(kept, size)
    stacked = tf.nest.map_structure(lambda *parts: np.stack(parts), *kept)
    return tf.data.Dataset.from_tensor_slices(stacked).batch(len(values[1]))


def _check_sample_bytes(kept: list[Any], size: int) -> None:
    if len(kept) != 1:
        return
    parts = tf.nest.flatten(kept[0])
    needed = size * sum(np.asarray(part).nbytes for part in parts)
    if needed > MAX_SAMPLE_BYTES:
        raise ValueError(
            f"T' would take {needed / 2**30:.1f} GiB of memory. Expected at "
            "most 2 GiB. Received: a large `train` that is not from "
            "`split_holdout`. Use that, or pass `train_sample`."
        )


def _source(dataset: Any, labels: npt.ArrayLike | None) -> tuple[Source, int]:
    examples = as_examples(dataset)
    if examples is not None:
        return ArraySource(examples), 32  # Keras' own default
    if isinstance(dataset, tf.data.Dataset):
        return StreamSource(dataset, labels=labels), _batch_size(dataset)
    raise TypeError(
        "`dataset` cannot be divided. Expected `(x, y)` arrays with "
        "x = {modality: array}, or a batched tf.data.Dataset. "
        f"Received: {type(dataset).__name__}. "
        "Turn it into one of these first."
    )


def _batch_size(dataset: tf.data.Dataset) -> int:
    for batch in dataset.take(1):
        return int(tf.shape(tf.nest.flatten(batch)[0])[0])
    raise ValueError(_EMPTY)


def _read_labels(dataset: tf.data.Dataset) -> arrays.Array:
    if not isinstance(dataset.element_spec, tuple):
        raise ValueError(
            "The dataset has no labels. Expected ({modality: tensor}, label). "
            f"Received: {dataset.element_spec}. Add the labels."
        )
    labels = [batch[1].numpy() for batch in dataset]
    if not labels:
        raise ValueError(_EMPTY)
    if labels[0].ndim == 0:
        raise ValueError(
            "The dataset is not batched. Expected batches, as `fit` takes. "
            "Received: a label without a batch axis. Call `.batch()` first."
        )
    return np.concatenate(labels)


def _same_label(example: Any, expected: tf.Tensor) -> Any:
    label = tf.cast(example[1], expected.dtype)
    check = tf.Assert(tf.reduce_all(tf.equal(label, expected)), [_REORDERED])
    with tf.control_dependencies([check]):
        return tf.nest.map_structure(tf.identity, example)


def _single(array: arrays.Array) -> arrays.Array:
    """Double to single precision, booleans to floats: what networks take."""
    if array.dtype in (np.float64, np.bool_):
        return array.astype(np.float32)
    return array


_EMPTY = (
    "The dataset is empty. Expected at least one batch of "
    "({modality: tensor}, label). Received: none. Check the files it reads."
)
_REORDERED = (
    "The dataset gives its examples in another order than before. Expected "
    "the same order in each pass. Received: another label at the same place. "
    "Split before you shuffle."
)
