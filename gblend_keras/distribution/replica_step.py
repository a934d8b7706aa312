"""What a step needs to be right on many replicas and many workers.

Keras 3 falls short in three places. Each mend is here, and a no-op on one
device:

1. A gradient is the mean of the replicas' means, so an example counts more in
   a small slice than in a large one: `in_proportion`.
2. Batch-norm statistics are kept by each replica for itself, and an empty
   slice makes them and some gradients NaN: `SharedStatistics`, `of_examples`.
3. A loss scale that proves too large on one replica is seen by that replica
   alone: `apply_gradients`.

What Keras' loops over batches need is in `keras_loops`.
"""

from typing import Any

import keras
import tensorflow as tf


def num_replicas() -> int:
    """Returns how many replicas train together, here and now."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def check_settings(
    strategy: tf.distribute.Strategy, *, jit_compile: bool
) -> None:
    """Raises if a setting does not go with several replicas."""
    if strategy.num_replicas_in_sync == 1:
        return
    if jit_compile and not tf.config.list_logical_devices("GPU"):
        raise ValueError(
            "`jit_compile` cannot be used on several CPU replicas: TensorFlow "
            "cannot compile exchanges between CPUs. Expected False. "
            "Received: True. Leave it out; a TPU compiles in any case."
        )


def share_of_batch(size: tf.Tensor) -> tf.Tensor:
    """Returns which share of the global batch this replica has.

    Args:
        size: How many examples this replica has, or their summed weight.
    """
    context = tf.distribute.get_replica_context()
    size = tf.cast(size, tf.float32)
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, size)
    return tf.math.divide_no_nan(size, total)


def proportion(
    loss: keras.losses.Loss, size: tf.Tensor, sample_weight: Any = None
) -> tf.Tensor | None:
    """Returns how much more than the others this replica's mean counts.

    Args:
        loss: What computes the losses.
        size: Examples on this replica.
        sample_weight: Their weights, or None.

    Returns:
        1 where all replicas have as many examples; None where nothing has to
        be set right: on one replica, or where losses are no means.
    """
    replicas = num_replicas()
    if replicas == 1 or loss.reduction in ("sum", "none", None):
        return None
    if (
        loss.reduction == "mean_with_sample_weight"
        and sample_weight is not None
    ):
        size = tf.reduce_sum(sample_weight)
    return tf.stop_gradient(share_of_batch(size)) * replicas


def in_proportion(
    loss_shares: list[tf.Tensor], factor: tf.Tensor | None
) -> list[tf.Tensor]:
    """Lets each example pull as hard, however many share its replica.

    The values stay: Keras weights them by size when it reports them.

    Args:
        loss_shares: Losses of this replica, divided by the replica count.
        factor: What `proportion` gave.

    Returns:
        The same values; their gradients, summed over replicas, are those of
        the loss of the global batch.
    """
    if factor is None:
        return loss_shares
    result = []
    for share in loss_shares:
        moving = share - tf.stop_gradient(share)  # 0, with a gradient
        result.append(share + (tf.cast(factor, moving.dtype) - 1) * moving)
    return result


def weighted(loss_shares: tf.Tensor, factor: tf.Tensor | None) -> tf.Tensor:
    """Returns values whose sum over replicas is that of the global batch.

    Args:
        loss_shares: As in `in_proportion`, in one tensor.
        factor: What `proportion` gave.
    """
    if factor is None:
        return loss_shares
    return tf.cast(factor, loss_shares.dtype) * loss_shares


def mean_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the mean of each tensor over the replicas of a strategy."""
    if num_replicas() == 1 or not values:
        return values
    context = tf.distribute.get_replica_context()
    return list(context.all_reduce(tf.distribute.ReduceOp.MEAN, values))


def share_of_penalties(penalties: list[tf.Tensor]) -> tf.Tensor:
    """Returns this replica's share of what layers add to the loss."""
    values = [tf.cast(value, tf.float32) for value in penalties]
    return tf.nn.scale_regularization_loss(tf.add_n(values))


def apply_gradients(
    optimizer: keras.Optimizer, gradients: list[Any], variables: list[Any]
) -> None:
    """Does what the optimizer's own does, or nothing on any replica.

    A `LossScaleOptimizer` leaves out a step whose gradients are not finite.
    Keras asks one replica of each worker, so an overflow on another one would
    reach the variables, and workers that decide differently wait for ever.
    """
    if num_replicas() > 1 and hasattr(optimizer, "dynamic_scale"):
        gradients = _finite_together(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _finite_together(gradients: list[Any]) -> list[Any]:
    """Makes gradients not finite where another replica's are not."""
    finite = [
        tf.reduce_all(tf.math.is_finite(getattr(each, "values", each)))
        for each in gradients
        if each is not None
    ]
    context = tf.distribute.get_replica_context()
    num_bad = context.all_reduce(
        tf.distribute.ReduceOp.SUM,
        1.0 - tf.cast(tf.reduce_all(finite), tf.float32),
    )
    shared = tf.where(num_bad > 0, float("nan"), 0.0)
    return [
        each
        if each is None or isinstance(each, tf.IndexedSlices)
        else each + tf.cast(shared, each.dtype)
        for each in gradients
    ]


def track_loss(model: keras.Model, share: tf.Tensor, size: tf.Tensor) -> None:
    """Feeds the `loss` of the logs, as Keras' own step does.

    Args:
        model: A compiled model.
        share: Loss of this replica, divided by the replica count.
        size: Examples in its slice.
    """
    (tracker,) = [each for each in model.metrics if each.name == "loss"]
    tracker.update_state(share * num_replicas(), sample_weight=size)


def of_examples(gradients: list[Any], size: tf.Tensor) -> list[Any]:
    """Takes out what an empty slice has no value for; on replicas alone.

    Batch-norm divides by the number of examples, so the gradients of its own
    parameters are NaN there. Other gradients are 0, or those of penalties.

    Args:
        gradients: One tensor a variable; None where there is none.
        size: Examples in the slice.
    """
    if num_replicas() == 1:
        return gradients

    def of_one(gradient: tf.Tensor) -> tf.Tensor:
        kept = tf.logical_or(size > 0, tf.math.is_finite(gradient))
        return tf.where(kept, gradient, tf.zeros_like(gradient))

    return [
        each
        if each is None or isinstance(each, tf.IndexedSlices)
        # Rows that were looked up: an empty slice looks up none.
        else of_one(each)
        for each in gradients
    ]


class SharedStatistics:
    """Makes moving statistics those of the global batch.

    Each replica's change counts by its share of the examples. Keras keeps
    batch-norm statistics without any aggregation, so replicas would drift
    apart, and the first one's would be saved.

    Args:
        model: Its non-trainable numbers are watched.
        size: Examples on this replica.
    """

    def __init__(self, model: keras.Model, size: tf.Tensor) -> None:
        self._size = size
        self._variables = []
        if num_replicas() > 1:
            self._variables = [
                variable
                for variable in model.non_trainable_variables
                if variable.aggregation == "none"
                and keras.backend.is_float_dtype(variable.dtype)
            ]
        self._before = [tf.identity(each.value) for each in self._variables]

    def update(self) -> None:
        """Replaces each replica's own change by the common one."""
        if not self._variables:
            return
        share = share_of_batch(self._size)
        changes = []
        for variable, before in zip(self._variables, self._before, strict=True):
            change = tf.identity(variable.value) - before
            # Of an empty slice the mean is NaN.
            changes.append(
                tf.where(
                    share > 0,
                    tf.cast(share, change.dtype) * change,
                    tf.zeros_like(change),
                )
            )
        context = tf.distribute.get_replica_context()
        common = context.all_reduce(tf.distribute.ReduceOp.SUM, changes)
        for variable, before, change in zip(
            self._variables, self._before, common, strict=True
        ):
            variable.assign(before + change)
