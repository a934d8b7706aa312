"""DistributedModel: a Keras model that trains on replicas and workers."""

import inspect
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from gblend_keras.data import training_set
from gblend_keras.distribution import keras_loops
from gblend_keras.distribution import keras_private
from gblend_keras.distribution import replica_step

Method = TypeVar("Method", bound=Callable[..., Any])


def documented_by(original: Any) -> Callable[[Method], Method]:
    """Gives an override the signature and docstring of Keras' own method."""

    def decorate(method: Method) -> Method:
        method.__doc__ = original.__doc__
        method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        return method

    return decorate


class DistributedModel(keras.Model):
    """A model whose steps and loops are right on many replicas and workers.

    On one device it is Keras' own. A model of this kind says what it trains
    in `train_on_slice`; it is built before it is trained.

    Attributes:
        network: The model inside, whose moving statistics the replicas share.
    """

    network: keras.Model

    train_function: Any  # Keras makes these
    test_function: Any

    def train_on_slice(self, data: Any, size: tf.Tensor) -> Mapping[str, Any]:
        """Trains on this replica's slice of a batch; returns the logs.

        Args:
            data: `(x, y)` or `(x, y, sample_weight)` of the slice.
            size: Examples in it.
        """
        del size
        logs: dict[str, Any] = super().train_step(data)
        return logs

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        # At the end of a dataset of unknown length there is no next batch.
        # What does not depend on it (the optimizer's iterations, the state of
        # random generators) would still be counted on by Keras' own step.
        with tf.control_dependencies(tf.nest.flatten(data)):
            size = tf.shape(tf.nest.flatten(data)[0])[0]
            if replica_step.num_replicas() == 1:
                return dict(self.train_on_slice(data, size))
            statistics = replica_step.SharedStatistics(self.network, size)
            logs = self.train_on_slice(data, size)
            statistics.update()
            return keras_loops.packed(logs, self.distribute_strategy)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        return keras_loops.packed(
            super().test_step(data), self.distribute_strategy
        )

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = keras_loops.on_replicas(
                self.train_function, self
            )

    def make_test_function(self, force: bool = False) -> None:
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = keras_loops.on_replicas(
                self.test_function, self
            )

    def _build_optimizer(self, *args: Any, **kwargs: Any) -> None:
        """Builds the optimizer: the model is built."""
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def check_evaluated(self, x: Any, y: Any, sample_weight: Any) -> None:
        """Raises unless these data can be evaluated. Asked before any work."""

    def check_predicted(self, x: Any) -> None:
        """Raises unless these arrays can be predicted."""

    @documented_by(keras.Model.evaluate)
    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        x = training_set.as_dataset(x)
        if keras_private.CACHED_EVALUATION not in kwargs:  # not within fit
            self.check_evaluated(x, y, kwargs.get("sample_weight"))
        return keras_loops.evaluate(self, {"x": x, "y": y} | kwargs)

    @documented_by(keras.Model.predict)
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        x = training_set.as_dataset(x)
        if isinstance(x, (Mapping, np.ndarray)):
            self.check_predicted(x)
        bound = inspect.signature(keras.Model.predict).bind(
            self, x, *args, **kwargs
        )
        call = {**bound.arguments}
        return keras_loops.predict(call.pop("self"), call)


setattr(
    DistributedModel,
    keras_private.SYMBOLIC_BUILD,
    DistributedModel._build_optimizer,
)
