"""The training set: T, to train on, V, held out, and T', a sample of T.

The order of an epoch is a function of (seed, epoch), never of what was read
before: that is what lets an estimate leave no trace and a killed run resume.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.data import batches
from gblend_keras.data import sources


class TrainingSet:
    """A training set, divided into T, to train on, and V, held out.

    `BlendedModel.fit` and `GradientBlending` take it. An epoch gives the rows
    of T in an order that is a function of (seed, epoch). When V has done its
    work, `GradientBlending` gives it back to T. `split_holdout` makes one.

    Preprocess it with `map`. Other methods of `tf.data` are refused, for V
    could not come back through them.

    Args:
        source: All examples, T and V.
        rows: The rows of T.
        holdout_rows: The rows of V; none where nothing is held out.
        groups: Whose each example of the source is, where V is made of whole
            groups; any values.
        batch_size: Examples a batch; the last batch may be smaller.
        seed: Seeds the order.

    Attributes:
        source: All examples.
        holdout_rows: The rows of V, whether or not it has been given back.
        batch_size: Examples a batch.
        seed: Seeds the order.
        epochs: T, epoch by epoch, for TensorFlow; `as_dataset` returns it.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 20))}
        >>> training_set = gb.split_holdout((x, np.arange(40) % 2), 0.25)
        >>> train, holdout = training_set  # its two parts
        >>> training_set.num_examples
        30
        >>> training_set.give_back()  # as GradientBlending does in the end
        >>> training_set.num_examples
        40
    """

    def __init__(
        self,
        source: sources.Source,
        rows: sources.IntArray,
        *,
        holdout_rows: npt.ArrayLike = (),
        groups: npt.ArrayLike | None = None,
        batch_size: int,
        seed: int,
    ) -> None:
        self.source = source
        self.holdout_rows = np.asarray(holdout_rows, np.int64)
        self.batch_size = batch_size
        self.seed = seed
        self._groups = None
        if groups is not None:
            _, self._groups = np.unique(groups, return_inverse=True)
        self._all_rows = np.union1d(np.asarray(rows, np.int64), holdout_rows)
        self._functions: tuple[batches.BatchFunction, ...] = ()
        with tf.device("CPU:0"):
            self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._rows = tf.Variable(
                np.sort(np.asarray(rows, np.int64)),
                shape=[None],
                dtype=tf.int64,
                trainable=False,
            )
            self._limit = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self.epochs = Epochs(self)

    def __iter__(self) -> Iterator[Any]:
        """Gives the two parts: `train, holdout = training_set`."""
        return iter((self.train, self.holdout))

    if not TYPE_CHECKING:  # type checkers find missing methods themselves

        def __getattr__(self, name: str) -> NoReturn:
            _refuse(self, name)

    # The parts

    @property
    def train(self) -> TrainingBatches:
        """T, batch by batch."""
        return TrainingBatches(self)

    @property
    def holdout(self) -> Holdout | None:
        """V in order, batch by batch; None where nothing is held out."""
        if not len(self.holdout_rows):
            return None
        return Holdout(self, self._reader_of(self.holdout_rows))

    @property
    def dataset(self) -> tf.data.Dataset:
        """T as it is now, as a plain `tf.data.Dataset`.

        Each pass is the next epoch, beginning with epoch 0. It goes its own
        way: V does not return to it.
        """
        alone = TrainingSet(
            self.source, self.rows, batch_size=self.batch_size, seed=self.seed
        )
        alone._functions = self._functions
        num_examples = self.num_examples * self.source.clips_per_epoch
        counted = tf.data.experimental.assert_cardinality(
            -(-num_examples // self.batch_size)
        )

        def read(cut: batches.Cut | None) -> tf.data.Dataset:
            # How many slices there are depends on the cut.
            epochs = alone.read_epochs(cut)
            return epochs if cut else epochs.apply(counted)

        return batches.Batches(read)

    def map(self, function: batches.BatchFunction) -> TrainingSet:
        """Returns the training set with a function applied to each batch.

        The function is applied to T, to V and to T'. The rows are shared: V
        returns to both sets at once.

        Args:
            function: Turns `x, y` or `x, y, sample_weight` of a batch, as
                tensors, into the like. Several workers apply it to their
                slices of a batch, so it must treat each example by itself.
        """
        mapped = copy.copy(self)
        mapped._functions = (*self._functions, function)
        mapped.epochs = Epochs(mapped)
        return mapped

    # The rows

    @property
    def rows(self) -> sources.IntArray:
        """The rows in use, sorted: those of T, and of V once it is back."""
        rows: sources.IntArray = self._rows.numpy()
        return rows

    @property
    def num_examples(self) -> int:
        """How many rows an epoch draws on now."""
        return len(self.rows)

    def groups_of(self, rows: sources.IntArray) -> sources.IntArray | None:
        """Returns whose these rows are, or None where V is of no groups."""
        return None if self._groups is None else self._groups[rows]

    def shares_rows(self, other: TrainingSet | None) -> bool:
        """Says if V returns to both at once: one is mapped from the other."""
        return other is not None and other._rows is self._rows

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

    def give_back(self, *, keep_length: bool = False) -> None:
        """Gives V back to T: later passes draw on all rows.

        Args:
            keep_length: As for `use`.
        """
        if len(self._all_rows) > self.num_examples:
            self.use(self._all_rows, keep_length=keep_length)

    def sample(self, size: int, *, seed: int) -> tf.data.Dataset:
        """Returns T', as `sample_rows` draws it."""
        return self.view(self.sample_rows(size, seed=seed))

    def sample_rows(self, size: int, *, seed: int) -> sources.IntArray:
        """Returns the rows of T': drawn from those in use, in order.

        Args:
            size: How many rows; all where there are fewer.
            seed: Seeds the draw.
        """
        rng = np.random.default_rng(seed)
        size = min(size, self.num_examples)
        return np.sort(rng.choice(self.rows, size=size, replace=False))

    def view(self, rows: sources.IntArray) -> tf.data.Dataset:
        """Returns these rows once, in order: what is measured."""
        return batches.Batches(self._reader_of(rows))

    # The order

    def start_epoch(self, epoch: int) -> None:
        """Makes the next pass the one of `epoch`."""
        self._epoch.assign(epoch)

    def read_epochs(self, cut: batches.Cut | None) -> tf.data.Dataset:
        """Returns T; each pass moves on to the next epoch.

        Args:
            cut: Cuts the batches into slices, or None.
        """
        reader = batches.Reader(
            self.source, self.batch_size, functions=self._functions, cut=cut
        )

        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            epoch = self._epoch.assign_add(1) - 1
            seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
            rows, limit = self._rows.read_value(), self._limit.read_value()
            return reader.begin(rows, seed, limit)

        return reader.finish(
            tf.data.Dataset.from_tensors(0).flat_map(one_epoch)
        )

    def _reader_of(self, rows: sources.IntArray) -> Any:
        return batches.read_rows(
            self.source, rows, self.batch_size, self._functions
        )


class TrainingBatches:
    """T of a training set, batch by batch: what `BlendedModel.fit` takes.

    Each pass moves on to the next epoch. Preprocess it with `map`. Other
    methods of `tf.data` are refused, for V could not come back through them.

    Attributes:
        training_set: The whole training set.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 20))}
        >>> train, holdout = gb.split_holdout((x, np.arange(40) % 2), 0.25)
        >>> halved = train.map(lambda x, y: ({m: x[m] / 2 for m in x}, y))
        >>> for batch, labels in halved:
        ...     print(len(labels), float(batch["pose"][0, 0]))
        30 0.5
    """

    def __init__(self, training_set: TrainingSet) -> None:
        self.training_set = training_set

    def __iter__(self) -> Iterator[Any]:
        return iter(self.training_set.epochs)

    if not TYPE_CHECKING:  # type checkers find missing methods themselves

        def __getattr__(self, name: str) -> NoReturn:
            _refuse(self, name)

    @property
    def dataset(self) -> tf.data.Dataset:
        """A plain `tf.data.Dataset` of T, to which V does not return."""
        return self.training_set.dataset

    def map(self, function: batches.BatchFunction) -> TrainingBatches:
        """Returns T with a function applied to each batch; V still returns.

        See `TrainingSet.map`. V as it was unpacked stays as it is: map it too
        where the function is no augmentation.
        """
        return self.training_set.map(function).train


class Epochs(batches.Batches):
    """T for TensorFlow: each pass is the next epoch of the training set.

    Attributes:
        training_set: The whole training set.
    """

    def __init__(self, training_set: TrainingSet) -> None:
        self.training_set = training_set
        super().__init__(training_set.read_epochs)


class Holdout(batches.Batches):
    """V: a `tf.data.Dataset` of what is held out of a training set, in order.

    It knows which training set it returns to, and so does what `map` makes
    of it. What its other methods return is a plain `tf.data.Dataset`.

    Attributes:
        training_set: The training set that it was held out of.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 20))}
        >>> train, holdout = gb.split_holdout((x, np.arange(40) % 2), 0.25)
        >>> len(holdout.rows), sum(len(labels) for _, labels in holdout)
        (10, 10)
        >>> holdout.training_set is train.training_set
        True
    """

    def __init__(self, training_set: TrainingSet, read: Any) -> None:
        self.training_set = training_set
        super().__init__(read)

    @property
    def rows(self) -> sources.IntArray:
        """The rows of V."""
        return self.training_set.holdout_rows

    @property
    def dataset(self) -> tf.data.Dataset:
        """V as a plain `tf.data.Dataset`, which returns to no training set."""
        return batches.Batches(self._read)

    def map(self, map_func: Any, *args: Any, **kwargs: Any) -> Holdout:
        """Returns V with a function applied to each batch, as `tf.data` does.

        It still is V of its training set.
        """
        read = self._read
        return Holdout(
            self.training_set,
            lambda cut: read(cut).map(map_func, *args, **kwargs),
        )


def _refuse(owner: object, name: str) -> NoReturn:
    """Says what to do where somebody looks for a method of `tf.data`."""
    kind = type(owner).__name__
    if name.startswith("_") or not hasattr(tf.data.Dataset, name):
        raise AttributeError(f"{kind!r} object has no attribute {name!r}")
    raise AttributeError(
        f"`{name}` is no method of a training set, for V could not return "
        f"through it. Expected `map`. Received: {kind}.{name}. "
        f"Use `.map(...)`, or `.dataset.{name}`: `.dataset` is a plain "
        "tf.data.Dataset, to which V does not return."
    )


def training_set_of(data: object) -> TrainingSet | None:
    """Returns the training set that `data` is or belongs to, or None.

    Args:
        data: What `fit` is given. (V belongs to none in this sense: it is no
            data to train on.)
    """
    if isinstance(data, TrainingSet):
        return data
    if isinstance(data, (TrainingBatches, Epochs)):
        return data.training_set
    return None


def as_dataset(data: Any) -> Any:
    """Returns T of a training set as a dataset; other data as they are."""
    training_set = training_set_of(data)
    return data if training_set is None else training_set.epochs
