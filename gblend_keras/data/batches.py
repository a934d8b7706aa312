"""Batches of a source: a `tf.data.Dataset` that workers cut before reading."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import cast

import tensorflow as tf

from gblend_keras.data import sources

# Turns a dataset of batches into a dataset of slices of them.
Cut = Callable[[Any], tf.data.Dataset]
# Turns the parts of a batch, `(x, y)` or `(x, y, sample_weight)`, into others.
BatchFunction = Callable[..., Any]


class Batches(tf.data.Dataset):
    """A dataset of batches that can be cut into slices before it is read.

    With several workers, each worker then reads its own slices alone. What is
    derived from it, with `.map()` say, is a plain `tf.data.Dataset`: each
    worker reads all of that, and cuts afterwards.

    Args:
        read: Function that returns the batches; with a cut, their slices.
    """

    def __init__(self, read: Callable[[Cut | None], tf.data.Dataset]) -> None:
        self._read = read
        self._whole = read(None)
        super().__init__(tf.data.experimental.to_variant(self._whole))

    def slices(self, cut: Cut) -> tf.data.Dataset:
        """Returns the slices of the batches, read after they are cut.

        Args:
            cut: Turns a dataset of batches into a dataset of their slices.
        """
        return self._read(cut)

    def _inputs(self) -> list[tf.data.Dataset]:
        """Returns what the dataset is made of: TensorFlow asks subclasses."""
        return [self._whole]

    @property
    def element_spec(self) -> Any:
        """The structure, shapes and dtypes of a batch."""
        return self._whole.element_spec


def cut_into_slices(dataset: tf.data.Dataset, cut: Cut) -> tf.data.Dataset:
    """Cuts the batches of a dataset, before they are read where it can.

    Args:
        dataset: Batches.
        cut: Turns a dataset of batches into a dataset of their slices.
    """
    return dataset.slices(cut) if isinstance(dataset, Batches) else cut(dataset)


class Reader:
    """Reads a source in two steps: what an epoch is made of, and its values.

    The second step stands outside the functions that make an epoch:
    TensorFlow prepares those anew each time.

    Args:
        source: The examples.
        batch_size: Examples a batch.
        functions: Applied to each batch, or slice of one, one after another.
        cut: Cuts the batches into slices, before their values are read where
            the source can plan.
    """

    def __init__(
        self,
        source: sources.Source,
        batch_size: int,
        *,
        functions: Sequence[BatchFunction] = (),
        cut: Cut | None = None,
    ) -> None:
        self._cheap = source.cheap
        self._batch_size = batch_size
        self._functions = list(functions)
        self._cut = cut
        if isinstance(source, sources.PlannedSource) and (
            cut is not None or not isinstance(source, sources.ReadSource)
        ):
            self._batches = source.plan
            self._functions.insert(0, source.load)
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
        for function in self._functions:
            begun = begun.map(function, num_parallel_calls=tf.data.AUTOTUNE)
        if not self._cheap:
            return begun.prefetch(tf.data.AUTOTUNE)
        options = tf.data.Options()
        options.autotune.enabled = False
        return begun.prefetch(2).with_options(options)


def read_rows(
    source: sources.Source,
    rows: sources.IntArray,
    batch_size: int,
    functions: Sequence[BatchFunction] = (),
) -> Callable[[Cut | None], tf.data.Dataset]:
    """Returns the function that reads rows once, in order.

    Keras is told how many batches there are.

    Args:
        source: The examples.
        rows: Which of them.
        batch_size: Examples a batch; the last batch may be smaller.
        functions: Applied to each batch, one after another.
    """
    wanted = tf.constant(rows, tf.int64)
    num_batches = -(-len(rows) // batch_size)
    counted = tf.data.experimental.assert_cardinality(num_batches)

    def read(cut: Cut | None) -> tf.data.Dataset:
        reader = Reader(source, batch_size, functions=functions, cut=cut)
        batches = reader.begin(wanted, None, tf.constant(-1, tf.int64))
        # How many slices there are depends on the cut.
        return reader.finish(batches if cut else batches.apply(counted))

    return read
