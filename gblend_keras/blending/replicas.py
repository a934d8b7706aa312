"""What a step needs to be right on many replicas and many workers.

Keras 3 falls short in five places. Each mend is here, and a no-op on one
device:

1. A gradient is the mean of the replicas' means, so an example counts more in
   a small slice than in a large one: `in_proportion`.
2. Batch-norm statistics are kept by each replica for itself, and an empty
   slice makes them and some gradients NaN: `SharedStatistics`, `train_step`.
3. `fit` under MultiWorkerMirroredStrategy averages scalar logs along an axis
   that they lack (Keras issue 20585): `packed` and `on_replicas`.
   So does `steps_per_execution` on several replicas.
4. Class weights, and arrays shuffled by each worker for itself, do not go
   with shared input: `fit`, `evaluate`, `predict`.
5. A loss scale that proves too large on one replica is seen by that replica
   alone: `apply_gradients`.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from gblend_keras import cluster
from gblend_keras.blending import fitting
from gblend_keras.data import arrays
from gblend_keras.data import pipeline
from gblend_keras.data import shares

_SEPARATOR = "\n"  # in no log's name
_CACHED = "_use_cached_eval_dataset"  # an `evaluate` from within `fit`


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


def train_step(
    model: keras.Model, data: Any, size: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Does what Keras' own step does, where a slice may be empty.

    Args:
        model: A compiled model.
        data: This replica's slice of a batch.
        size: Examples in it.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(
            x, y, y_pred, sample_weight=sample_weight, training=True
        )
        scaled = model.optimizer.scale_loss(loss)
    variables = model.trainable_variables
    gradients = of_examples(tape.gradient(scaled, variables), size)
    apply_gradients(model.optimizer, gradients, variables)
    track_loss(model, loss, size)
    return model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


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
    """Takes out what an empty slice has no value for.

    Batch-norm divides by the number of examples, so the gradients of its own
    parameters are NaN there. Other gradients are 0, or those of penalties.

    Args:
        gradients: One tensor a variable; None where there is none.
        size: Examples in the slice.
    """

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


def packed(
    logs: Mapping[str, tf.Tensor], strategy: tf.distribute.Strategy
) -> dict[str, tf.Tensor]:
    """Puts the logs of a step into one tensor with a leading axis.

    Keras averages each log over workers by itself, along axis 0: scalars make
    it fail. One tensor also costs one exchange where ten logs cost ten.
    """
    if not cluster.is_multi_worker(strategy):
        return dict(logs)
    values = [tf.cast(value, tf.float32) for value in logs.values()]
    return {_SEPARATOR.join(logs): tf.stack(values)[None]}


def on_replicas(
    function: Callable[[Any], Any], model: keras.Model
) -> Callable[[Any], Any]:
    """Makes a function, which Keras made of a step, serve several replicas.

    Undoes `packed`, and runs the steps of one execution one by one: Keras'
    own loop over them fails on several replicas. (A TPU keeps Keras' loop.)
    """
    strategy = model.distribute_strategy
    if strategy.num_replicas_in_sync == 1 or isinstance(
        strategy, tf.distribute.TPUStrategy
    ):
        return function

    def steps_of_execution(iterator: Any) -> dict[str, tf.Tensor]:
        logs: dict[str, tf.Tensor] = {}
        num_steps = model.steps_per_execution
        model.steps_per_execution = 1  # Keras looks at it here
        try:
            for _ in range(num_steps):
                logs = function(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            if not logs:
                raise
        finally:
            model.steps_per_execution = num_steps
        return _unpacked(logs)

    return steps_of_execution


def _unpacked(logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    (names,) = list(logs) if len(logs) == 1 else ("",)
    if _SEPARATOR not in names:
        return logs
    values = tf.unstack(logs[names])
    return dict(zip(names.split(_SEPARATOR), values, strict=True))


def fit(model: keras.Model, call: Mapping[str, Any]) -> Any:
    """Runs Keras' own `fit` on data that is shared out.

    Args:
        model: A compiled model.
        call: Arguments of `keras.Model.fit`.

    Raises:
        TypeError: If the data cannot be shared out to several workers.
        ValueError: If `validation_split` is used on several workers.
    """
    shared = _shared_fit(call, model.distribute_strategy)
    with _quiet_end(shared["x"], pipeline.feed_of(call["x"]) is not None):
        return keras.Model.fit(model, **shared)


def evaluate(model: keras.Model, call: Mapping[str, Any]) -> Any:
    """Runs Keras' own `evaluate` on data that is shared out."""
    strategy, call = model.distribute_strategy, dict(call)
    if cluster.is_multi_worker(strategy) and not call.get(_CACHED):
        data = (call["x"], call.pop("y"), call.pop("sample_weight", None))
        dataset = _dataset(data, call.pop("batch_size", None))
        call["x"] = shares.share_out(dataset, strategy)
    with _quiet_end(call["x"]):
        return keras.Model.evaluate(model, **call)


def predict(model: keras.Model, call: Mapping[str, Any]) -> Any:
    """Runs Keras' own `predict` on data that is shared out."""
    strategy, call = model.distribute_strategy, dict(call)
    if cluster.is_multi_worker(strategy):
        data = (call["x"], None, None)
        dataset = _dataset(data, call.pop("batch_size", None))
        call["x"] = shares.share_out(dataset, strategy)
    with _quiet_end(call["x"]):
        return keras.Model.predict(model, **call)


def _quiet_end(data: Any, of_unknown_length: bool = False) -> Any:
    """Spares a warning at the end of data whose length is not known."""
    shared = isinstance(data, tf.distribute.DistributedDataset)
    if shared or of_unknown_length:
        return fitting.unknown_length()
    return contextlib.nullcontext()


def _shared_fit(
    call: Mapping[str, Any], strategy: tf.distribute.Strategy
) -> dict[str, Any]:
    """Returns the arguments of a `fit` whose data is shared out."""
    call = dict(call)
    if not cluster.is_multi_worker(strategy):
        return call
    if call.get("validation_split"):
        raise ValueError(
            "`validation_split` cannot be used on several workers. Expected "
            "0. Received: validation_split="
            f"{call['validation_split']}. Pass `validation_data`."
        )
    data = (call["x"], call.get("y"), call.get("sample_weight"))
    size = call.get("batch_size")
    dataset = _dataset(data, size, shuffle=call.get("shuffle", True))
    held = call.get("validation_data")
    if isinstance(held, (tuple, list)):
        held = _dataset(
            (*held, *[None] * (3 - len(held))),
            call.get("validation_batch_size") or size,
        )
    return call | {
        "x": shares.share_out(dataset, strategy, call.get("class_weight")),
        "y": None,
        "sample_weight": None,
        "batch_size": None,
        "class_weight": None,
        "shuffle": False,
        "validation_data": shares.share_out(held, strategy),
        "validation_batch_size": None,
    }


def _dataset(
    data: tuple[Any, Any, Any], batch_size: int | None, *, shuffle: bool = False
) -> Any:
    """Returns batches that are the same on every worker."""
    x, y, sample_weight = data
    if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
        return x
    size = batch_size or 32  # Keras' own default
    if isinstance(x, Mapping) and y is None:
        return tf.data.Dataset.from_tensor_slices((dict(x),)).batch(size)
    examples = pipeline.as_examples((x, y, sample_weight))
    if examples is None:
        raise TypeError(
            "`x` cannot be shared out to several workers. Expected a "
            "tf.data.Dataset that gives each worker the same batches, or "
            f"arrays {{modality: array}}. Received: {type(x).__name__}. "
            "Turn it into a tf.data.Dataset."
        )
    return _of_arrays(examples, size, shuffle=shuffle)


def _of_arrays(
    examples: arrays.ExampleSet, size: int, *, shuffle: bool
) -> tf.data.Dataset:
    if shuffle:
        return pipeline.make_training_dataset(examples, batch_size=size)
    return pipeline.make_dataset(examples, batch_size=size)
