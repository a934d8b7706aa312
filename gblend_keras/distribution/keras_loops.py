"""Keras' own loops over batches, on many replicas and many workers.

What is mended here, and a no-op on one device:

1. `fit` under MultiWorkerMirroredStrategy averages scalar logs along an axis
   that they lack (Keras issue 20585): `packed` and `on_replicas`.
   So does `steps_per_execution` on several replicas.
2. Class weights, and arrays shuffled by each worker for itself, do not go
   with shared input: `fit`, `evaluate`, `predict`.

What a single step needs is in `replica_step`.
"""

import contextlib
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.data import training_set
from gblend_keras.distribution import batch_slices
from gblend_keras.distribution import keras_private
from gblend_keras.distribution import workers

_SEPARATOR = "\n"  # in no log's name


def packed(
    logs: Mapping[str, tf.Tensor], strategy: tf.distribute.Strategy
) -> dict[str, tf.Tensor]:
    """Puts the logs of a step into one tensor with a leading axis.

    Keras averages each log over workers by itself, along axis 0: scalars make
    it fail. One tensor also costs one exchange where ten logs cost ten.
    """
    if not workers.is_multi_worker(strategy):
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
    with _quiet_end(shared["x"]):
        return keras.Model.fit(model, **shared)


def evaluate(model: keras.Model, call: Mapping[str, Any]) -> Any:
    """Runs Keras' own `evaluate` on data that is shared out."""
    strategy, call = model.distribute_strategy, dict(call)
    if workers.is_multi_worker(strategy) and not call.get(
        keras_private.CACHED_EVALUATION
    ):
        data = (call["x"], call.pop("y"), call.pop("sample_weight", None))
        dataset = _dataset(data, call.pop("batch_size", None))
        call["x"] = batch_slices.share_out(dataset, strategy)
    with _quiet_end(call["x"]):
        return keras.Model.evaluate(model, **call)


def predict(model: keras.Model, call: Mapping[str, Any]) -> Any:
    """Runs Keras' own `predict` on data that is shared out."""
    strategy, call = model.distribute_strategy, dict(call)
    if workers.is_multi_worker(strategy):
        data = (call["x"], None, None)
        dataset = _dataset(data, call.pop("batch_size", None))
        call["x"] = batch_slices.share_out(dataset, strategy)
    with _quiet_end(call["x"]):
        return keras.Model.predict(model, **call)


@contextlib.contextmanager
def unknown_length() -> Iterator[None]:
    """Lets a `fit` find out by itself how long an epoch is.

    The length of a training set changes when V goes back into training, so it
    cannot be told beforehand. Keras warns at the end of such an epoch as if
    data were missing.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", keras_private.OUT_OF_DATA)
        yield


def _quiet_end(data: Any) -> Any:
    """Spares a warning at the end of data whose length is not known."""
    shared = isinstance(data, tf.distribute.DistributedDataset)
    if shared or training_set.training_set_of(data) is not None:
        return unknown_length()
    return contextlib.nullcontext()


def _shared_fit(
    call: Mapping[str, Any], strategy: tf.distribute.Strategy
) -> dict[str, Any]:
    """Returns the arguments of a `fit` whose data is shared out."""
    call = dict(call)
    if not workers.is_multi_worker(strategy):
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
        "x": batch_slices.share_out(
            dataset, strategy, call.get("class_weight")
        ),
        "y": None,
        "sample_weight": None,
        "batch_size": None,
        "class_weight": None,
        "shuffle": False,
        "validation_data": batch_slices.share_out(held, strategy),
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
    examples = datasets.as_examples((x, y, sample_weight))
    if examples is None:
        raise TypeError(
            "`x` cannot be shared out to several workers. Expected a "
            "tf.data.Dataset that gives each worker the same batches, or "
            f"arrays {{modality: array}}. Received: {type(x).__name__}. "
            "Turn it into a tf.data.Dataset."
        )
    return _of_arrays(examples, size, shuffle=shuffle)


def _of_arrays(
    examples: example_set.ExampleSet, size: int, *, shuffle: bool
) -> tf.data.Dataset:
    if shuffle:
        return training_set.as_dataset(
            datasets.make_training_dataset(examples, batch_size=size)
        )
    return datasets.make_dataset(examples, batch_size=size)
