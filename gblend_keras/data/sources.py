"""Where examples come from: arrays, and streams in a fixed order."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import runtime_checkable

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import example_checks
from gblend_keras.data.example_checks import Array

IntArray = npt.NDArray[np.int64]

MAX_SAMPLE_BYTES = 2**31
MOST_TIMES = 1000  # so many times V, and T is taken for one without an end

EMPTY = (
    "The dataset is empty. Expected at least one batch of "
    "({modality: tensor}, label). Received: none. Check the files it reads."
)
_REORDERED = (
    "The dataset gives its examples in another order than before. Expected "
    "the same order in each pass. Received: another label at the same place. "
    "Split before you shuffle."
)


class Source(Protocol):
    """Examples that can be read by row number: see the two kinds below."""

    labels: Array
    cheap: bool  # whether reading takes next to no time

    @property
    def clips_per_epoch(self) -> int:
        """Examples that one row gives when it is read to train."""


@runtime_checkable
class ReadSource(Source, Protocol):
    """A source that reads example by example."""

    def read(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of these rows.

        To train when given a seed `(2,)`: shuffled, and augmented where the
        source augments; else in the order of the rows, which is ascending.
        """


@runtime_checkable
class PlannedSource(Source, Protocol):
    """A source that knows a batch before it reads it.

    Several workers then read their own slices of a batch only; of any other
    source each worker reads everything.
    """

    def plan(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of something small that names their examples.

        Rows and seed are those of `ReadSource.read`, and so is the order.
        """

    def load(self, *names: Any) -> Any:
        """Returns the examples of a batch, or of a slice of one.

        It gets what an element of `plan` consists of.
        """


class ArraySource:
    """Examples in memory: the arrays of `Examples`."""

    cheap = True
    clips_per_epoch = 1

    def __init__(
        self,
        x: Mapping[str, Array],
        y: Array,
        sample_weight: Array | None = None,
    ) -> None:
        self.labels = y
        parts: tuple[Any, ...] = (
            {name: single(array) for name, array in x.items()},
            single(y),
        )
        if sample_weight is not None:
            parts += (sample_weight.astype(np.float32),)
        with tf.device("CPU:0"):  # batches are cut on the host
            self._parts = tf.nest.map_structure(tf.constant, parts)

    def plan(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns the batches' row numbers, in an order that `seed` gives."""
        if seed is not None:
            rows = tf.random.experimental.stateless_shuffle(rows, seed)
        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)

    def load(self, rows: tf.Tensor) -> Any:
        """Returns the examples of these row numbers."""
        return tf.nest.map_structure(
            lambda part: tf.gather(part, rows), self._parts
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

    cheap = False
    clips_per_epoch = 1

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
        example_checks.check_labels(self.labels)
        with tf.device("CPU:0"):
            self._expected = tf.constant(single(self.labels))

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
            examples = shuffled(examples, self._shuffle_buffer, seed)
        return examples.batch(batch_size)


def shuffled(
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
        ValueError: If the dataset does not end, or the sample takes more than
            2 GiB.
        TypeError: If the data can be read only once.
    """
    if isinstance(dataset, Iterator):
        raise TypeError(
            "`train` can be read only once, so there is nothing left to train "
            "on. Expected arrays, a tf.data.Dataset or a PyDataset. Received: "
            f"{type(dataset).__name__}. Use tf.data.Dataset.from_generator."
        )
    infinite = tf.data.INFINITE_CARDINALITY
    if (
        isinstance(dataset, tf.data.Dataset)
        and dataset.cardinality() == infinite
    ):
        raise _endless("a repeated one")
    rng = np.random.default_rng(seed)
    kept: list[Any] = []
    seen = 0
    for batch in batches(dataset):
        values = tf.nest.map_structure(np.asarray, tuple(batch))
        for row in range(len(values[1])):
            place = seen if seen < size else int(rng.integers(seen + 1))
            seen += 1
            if seen > MOST_TIMES * max(size, 100):
                raise _endless(
                    f"more than {seen - 1} examples, and {size} in V"
                )
            if place < size:
                example = tf.nest.map_structure(
                    lambda value, row=row: value[row], values
                )
                kept[place : place + 1] = [example]
                _check_sample_bytes(kept, size)
    stacked = tf.nest.map_structure(lambda *parts: np.stack(parts), *kept)
    return tf.data.Dataset.from_tensor_slices(stacked).batch(len(values[1]))


def _endless(received: str) -> ValueError:
    return ValueError(
        "`train` does not end, or is too long to draw T' from. Expected a "
        f"finite dataset. Received: {received}. Pass `train_sample`, "
        "examples of T to measure the train loss on."
    )


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


def _read_labels(dataset: tf.data.Dataset) -> Array:
    if not isinstance(dataset.element_spec, tuple):
        raise ValueError(
            "The dataset has no labels. Expected ({modality: tensor}, label). "
            f"Received: {dataset.element_spec}. Add the labels."
        )
    labels = [batch[1].numpy() for batch in dataset]
    if not labels:
        raise ValueError(EMPTY)
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


def single(array: Array) -> Array:
    """Double to single precision, booleans to floats: what networks take."""
    if array.dtype in (np.float64, np.bool_):
        return array.astype(np.float32)
    return array
