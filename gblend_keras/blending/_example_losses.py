"""Losses of every example under every head, in evaluation mode."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.answers import calibration
from gblend_keras.answers import pool
from gblend_keras.answers.exponents import Heldout
from gblend_keras.blending import input_checks
from gblend_keras.blending import losses
from gblend_keras.data import sources
from gblend_keras.data import training_set
from gblend_keras.distribution import batch_slices
from gblend_keras.heads import JOINT

FloatArray = npt.NDArray[np.float64]
# What is measured, the exponents of answers, whether evidence is wanted.
_Kind = tuple[str, tuple[float, ...], bool]


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
        evidence: bool = False,
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
            evidence: More columns at the end: `pool.evidence` of each head
                and class, and the labels. See `split_evidence`.

        Returns:
            The losses `(examples, columns)`, a column a head, and the weight
            of each example `(examples,)`.
        """
        kind = (measure, exponents, evidence)
        dataset = training_set.as_dataset(dataset)
        shared = self._strategy.num_replicas_in_sync > 1
        if shared and isinstance(dataset, tf.data.Dataset):
            return self._measure_together(dataset, class_weight, kind)
        values, weights = [], []
        for batch in sources.batches(dataset):
            value, weight = self._measure_function(batch, kind)
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
        class_weight: Mapping[int, float] | None,
        kind: _Kind,
    ) -> tuple[FloatArray, FloatArray]:
        parts = []
        for batch in batch_slices.distributed(
            dataset, self._strategy, class_weight
        ):
            part = self._measure_shares_function(batch, kind).numpy()
            parts.append(part[np.argsort(part[:, 0], kind="stable")])
        rows = np.concatenate(parts).astype(np.float64)
        return rows[:, 2:], rows[:, 1]

    def _measure_shares(self, batch: Any, kind: _Kind) -> tf.Tensor:
        """Measures a global batch, each replica its slice.

        Returns:
            A row an example: its slice's number, its weight, its losses.
        """
        strategy = self._strategy

        def rows_of_slice(batch: Any) -> tf.Tensor:
            values, weight = self._measure_batch(batch, kind)
            number = tf.cast(batch_slices.slice_number(strategy), tf.float32)
            numbers = tf.fill(tf.shape(weight), number)
            return tf.concat([numbers[:, None], weight[:, None], values], 1)

        rows = strategy.run(rows_of_slice, args=(batch,))
        return strategy.gather(rows, axis=0)

    def _measure_batch(
        self, batch: Any, kind: _Kind
    ) -> tuple[tf.Tensor, tf.Tensor]:
        measure, exponents, evidence = kind
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        found = self._network(x, training=False)
        size = tf.shape(found[JOINT])[0]
        if sample_weight is None:
            sample_weight = tf.ones([size])
        weight = tf.reshape(tf.cast(sample_weight, tf.float32), [size])
        logits = [*found.values()]
        if exponents:
            joint, pooled = (
                pool.log_mean(heads, multi_label=self._multi_label)
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
        values = tf.stack(columns, axis=1)
        if evidence:
            added = [
                pool.evidence(each, multi_label=self._multi_label)
                for each in found.values()
            ]
            if not self._multi_label and losses.is_one_hot(y, logits[0]):
                y = tf.argmax(y, axis=-1)
            labels = tf.reshape(tf.cast(y, tf.float32), [size, -1])
            values = tf.concat([values, *added, labels], axis=1)
        return values, weight


def split_evidence(
    model: Any, rows: FloatArray, weight: FloatArray
) -> tuple[FloatArray, Heldout]:
    """Splits what was measured with evidence: losses, and the heads' evidence.

    Args:
        model: Whose heads were measured.
        rows: The columns that `measure` returned.
        weight: The weight of each example.
    """
    shape = (len(model.head_names), model.num_classes)
    size = shape[0] * shape[1]
    num_labels = model.num_classes if model.multi_label else 1
    start = rows.shape[1] - size - num_labels
    labels = rows[:, start + size :]
    if not model.multi_label:
        labels = labels[:, 0].astype(np.int64)
    values = rows[:, start : start + size].reshape(len(rows), *shape)
    return rows[:, :start], Heldout(values.astype(np.float32), labels, weight)


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


def calibrate(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int = 32,
    groups: npt.ArrayLike | None = None,
) -> calibration.Calibration:
    """Fits the exponents of `pool` on examples that were not trained on.

    One pass, then a convex problem with one unknown a head, for each set of
    modalities that may be there. Ours; see `answers.exponents.fit`.

    Args:
        model: A compiled `BlendedModel`.
        x: `{modality: array}`, or a dataset as `fit` takes it.
        y: Labels, where `x` holds arrays.
        sample_weight: Weights of the examples, where `x` holds arrays.
        batch_size: Of arrays.
        groups: Whose each example is, shape `(N,)`: examples of one are kept
            together in the cross-validated numbers.

    Returns:
        What came of it. Figures on the same examples flatter the pool; the
        cross-validated ones do not.

    Raises:
        ValueError: If the examples do not suit the model, or none counts.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> towers = {m: gb.build_mlp((2,), name=m) for m in ("a", "b")}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, 2))
        >>> model.compile("sgd")
        >>> labels = np.arange(20) % 2
        >>> x = {name: np.eye(2)[labels] for name in towers}
        >>> found = model.calibrate(x, labels)
        >>> found.num_examples
        20
    """
    kind = (model.num_classes, model.multi_label)
    input_checks.check_given(model.network, (x, y, sample_weight), kind)
    if y is not None:
        calibration.check_arrays(y, sample_weight, groups)
        given = (x, y) if sample_weight is None else (x, y, sample_weight)
        x = tf.data.Dataset.from_tensor_slices(given).batch(batch_size)
    rows, weight = model.measure(x, evidence=True)
    _, held_out = split_evidence(model, rows, weight)
    if groups is not None:
        calibration.check_groups(groups, len(rows))
        held_out = held_out._replace(group=np.asarray(groups))
    return calibration.calibrate(model, held_out)
