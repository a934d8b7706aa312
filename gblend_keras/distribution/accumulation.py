"""Gradient accumulation on several replicas.

A Keras optimizer with `gradient_accumulation_steps=N` decides inside a
condition whether a batch ends in an update, and exchanges gradients there. A
replica of MirroredStrategy or MultiWorkerMirroredStrategy cannot: "`merge_call`
called while defining a new graph". (Keras 3.10 to 3.15.) Here the replicas
meet first, and decide together.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.distribution import keras_private


def decide_together(
    optimizer: keras.Optimizer, strategy: tf.distribute.Strategy
) -> None:
    """Makes an optimizer that accumulates serve several replicas.

    On one replica Keras' own way stays.

    Ours: the gradients of each batch are exchanged, not only their sum, so
    that every replica holds the same sums: those are what a checkpoint saves.
    And what is clipped is the gradient of the global batches, as on one
    device.

    Args:
        optimizer: It may scale losses around the one that accumulates.
        strategy: What trains.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if (
        not inner.gradient_accumulation_steps
        or strategy.num_replicas_in_sync == 1
    ):
        return

    def apply(gradients: list[Any], variables: list[keras.Variable]) -> None:
        _accumulate(inner, gradients, variables)

    keras_private.replace_update(inner, apply)


def _accumulate(
    optimizer: Any, gradients: list[Any], variables: list[keras.Variable]
) -> None:
    """Adds the gradients of a batch to the sums; updates when it is time."""
    steps = optimizer.gradient_accumulation_steps
    sums = keras_private.accumulated_gradients(optimizer, variables)
    context = tf.distribute.get_replica_context()
    common = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    for total, gradient in zip(sums, common, strict=True):
        total.assign(keras.ops.add(gradient, total))

    def update() -> None:
        means = [total / steps for total in sums]
        means = keras_private.clipped(optimizer, means)
        # The update adds up what all replicas bring, and it is the same.
        means = [mean / context.num_replicas_in_sync for mean in means]
        keras_private.update(optimizer, means, variables)
        for total in sums:
            total.assign(keras.ops.zeros_like(total))

    batches = keras_private.batches_seen(optimizer) + 1
    is_due = batches % steps == 0

    def together(strategy: tf.distribute.Strategy, is_due: Any) -> None:
        replicas_is_due = strategy.experimental_local_results(is_due)
        tf.cond(
            replicas_is_due[0],
            lambda: strategy.extended.call_for_each_replica(update),
            lambda: None,
        )

    if _is_threaded(context.strategy):
        context.merge_call(together, args=(is_due,))
    else:
        tf.cond(is_due, update, lambda: None)


def _is_threaded(strategy: tf.distribute.Strategy) -> bool:
    """Says if each replica's step is defined by a thread of its own.

    Such threads cannot meet inside a condition. On a TPU, and where XLA
    compiles the step, one definition serves all replicas.
    """
    if keras_private.replicas_share_one_definition():
        return False
    return isinstance(
        strategy,
        (
            tf.distribute.MirroredStrategy,
            tf.distribute.MultiWorkerMirroredStrategy,
        ),
    )
