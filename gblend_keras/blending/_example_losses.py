"""Losses of every example under every head, in evaluation mode."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.blending import losses
from gblend_keras.data import sources
from gblend_keras.data import training_set
from gblend_keras.distribution import batch_slices
from gblend_keras.heads import JOINT

FloatArray = npt.NDArray[np.float64]


class Measurer:
    """Measures a network; traced once, whatever is measured.

    Each replica of the model, on every worker, measures a share, and every
    worker gets the whole.

    Args:
        model: A compiled `BlendedModel`, whose network and loss are measured.
    """

    def __init__(self, model: Any) -> None:
        self._strategy: tf.distribute.Strategy = model.distribute_strategy
        self._network: keras.Model = model.network
        self._loss: keras.losses.Loss = model.loss_function
        self._multi_label: bool = model.multi_label
        self._measure_function = tf.function(
            self._measure_batch, reduce_retracing=True
        )
        self._measure_shares_function = tf.function(
            self._measure_shares, reduce_retracing=True
        )

    def measure(
        self,
        dataset: Any,
        measure: str = "loss",
        *,
        class_weight: Mapping[int, float] | None = None,
        exponents: tuple[float, ...] = (),
    ) -> tuple[FloatArray, FloatArray]:
        """Measures the loss of every example under every head.

        In evaluation mode and each example by itself, so that neither the
        size of a batch nor the order matters.

        Args:
            dataset: What `fit` takes, batched; the training set itself is
                measured on an epoch of T.
            measure: "loss", or "accuracy" for 1 - accuracy.
            class_weight: As for `fit`; enters the examples' weights.
            exponents: For each, two more columns: the joint head and the
                log-mean of all heads, sharpened by it.

        Returns:
            The losses `(examples, columns)`, a column a head, and the weight
            of each example `(examples,)`.
        """
        dataset = training_set.as_dataset(dataset)
        shared = self._strategy.num_replicas_in_sync > 1
        if shared and isinstance(dataset, tf.data.Dataset):
            return self._measure_together(
                dataset, measure, class_weight, exponents
            )
        values, weights = [], []
        for batch in sources.batches(dataset):
            value, weight = self._measure_function(batch, measure, exponents)
            values.append(value.numpy())
            factor = _class_factor(batch[1], class_weight)
            weights.append(weight.numpy() * factor)
        return (
            np.concatenate(values).astype(np.float64),
            np.concatenate(weights).astype(np.float64),
        )

    def _measure_together(
        self,
        dataset: tf.data.Dataset,
        measure: str,
        class_weight: Mapping[int, float] | None,
        exponents: tuple[float, ...],
    ) -> tuple[FloatArray, FloatArray]:
        parts = []
        for batch in batch_slices.distributed(
            dataset, self._strategy, class_weight
        ):
            part = self._measure_shares_function(
                batch, measure, exponents
            ).numpy()
            parts.append(part[np.argsort(part[:, 0], kind="stable")])
        rows = np.concatenate(parts).astype(np.float64)
        return rows[:, 2:], rows[:, 1]

    def _measure_shares(
        self, batch: Any, measure: str, exponents: tuple[float, ...]
    ) -> tf.Tensor:
        """Measures a global batch, each replica its slice.

        Returns:
            A row an example: its slice's number, its weight, its losses.
        """
        strategy = self._strategy

        def rows_of_slice(batch: Any) -> tf.Tensor:
            values, weight = self._measure_batch(batch, measure, exponents)
            number = tf.cast(batch_slices.slice_number(strategy), tf.float32)
            numbers = tf.fill(tf.shape(weight), number)
            return tf.concat([numbers[:, None], weight[:, None], values], 1)

        rows = strategy.run(rows_of_slice, args=(batch,))
        return strategy.gather(rows, axis=0)

    def _measure_batch(
        self, batch: Any, measure: str, exponents: tuple[float, ...]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        found = self._network(x, training=False)
        logits = [*found.values()]
        if exponents:
            joint, pooled = (
                losses.log_mean(heads, multi_label=self._multi_label)
                for heads in ([found[JOINT]], [*found.values()])
            )
            for exponent in exponents:
                logits += [exponent * joint, exponent * pooled]
        if measure == "loss":
            columns = [
                losses.example_losses(self._loss, y, each) for each in logits
            ]
        else:
            columns = [
                losses.example_errors(y, each, multi_label=self._multi_label)
                for each in logits
            ]
        size = tf.shape(columns[0])[0]
        if sample_weight is None:
            sample_weight = tf.ones([size])
        weight = tf.reshape(tf.cast(sample_weight, tf.float32), [size])
        return tf.stack(columns, axis=1), weight


def _class_factor(
    y: Any, class_weight: Mapping[int, float] | None
) -> FloatArray | float:
    """The class weight of each example; 1 without class weights."""
    if not class_weight:
        return 1.0
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    factors = [class_weight.get(int(label), 1.0) for label in labels.ravel()]
    return np.array(factors)
