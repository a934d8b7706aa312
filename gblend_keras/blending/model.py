"""BlendedModel: a network with several heads, trained on their blend."""

import inspect
import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from gblend_keras.blending import example_losses
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import input_checks
from gblend_keras.blending import losses
from gblend_keras.blending import missing_modalities
from gblend_keras.blending import rule_step
from gblend_keras.blending import rules
from gblend_keras.blending import tower_rates
from gblend_keras.data import training_set
from gblend_keras.distribution import accumulation
from gblend_keras.distribution import keras_loops
from gblend_keras.distribution import replica_step
from gblend_keras.fusion.network import JOINT

Method = TypeVar("Method", bound=Callable[..., Any])

# Of a saved model: whether its optimizer had made its slots. Keras loads an
# optimizer only if it has as many variables as the saved one had.
_SLOTS = "optimizer_has_slots"


def _documented_by(original: Any) -> Callable[[Method], Method]:
    """Gives an override the signature and docstring of Keras' own method."""

    def decorate(method: Method) -> Method:
        method.__doc__ = original.__doc__
        method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        return method

    return decorate


@keras.saving.register_keras_serializable(package="gblend_keras")
class BlendedModel(keras.Model):
    """Trains a network with several heads on the weighted sum of their losses.

        loss = loss_scale * sum_h w_h L_h,    w >= 0, sum_h w_h = 1

    The weights are a variable, so that assigning them reaches the compiled
    step. They start uniform; `GradientBlending` estimates better ones.

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 7.
    Ours: `loss_scale` (see `compile`) and `blend`, the mean of the heads'
    probabilities, which is reported and predicted beside the heads.

    Args:
        network: Functional model `{modality: input} -> {head: logits}` with a
            head `joint`, such as `late_fusion` builds.
        multi_label: Whether an example may have several classes: labels are
            multi-hot then, and probabilities are sigmoids.
        rule: What a method changes in a training step, such as
            `methods.get("pcgrad").new_rule()`. None: nothing. Serves one
            model; the saved model is a plain one.

    Raises:
        ValueError: If the network's inputs or outputs are not named, or no
            head is called `joint`, or the rule does not suit the network.
        TypeError: If `rule` is no rule.
    """

    train_function: Any  # Keras makes these
    test_function: Any

    def __init__(
        self,
        network: keras.Model,
        *,
        multi_label: bool = False,
        rule: rules.Rule | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or "blended_model")
        input_checks.check_network(network)
        input_checks.check_rule(rule)
        self.network = network
        self.multi_label = multi_label
        self.head_names = [*network.output]
        self.loss_scale = 1.0
        self._weights_variable = self.add_weight(
            name="blend_weights",
            shape=(len(self.head_names),),
            initializer=keras.initializers.Constant(1 / len(self.head_names)),
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",  # where a rule assigns them
        )
        self._head_metrics = losses.HeadMetrics([], None, None)
        self._measurer: example_losses.Measurer | None = None
        self._rates = tower_rates.TowerRates(network, {})
        self._rule = rule
        if rule is not None:
            self._rule_seeds = keras.random.SeedGenerator()
            rule.build(self)
        self.built = True

    # Structure

    @property
    def modality_heads(self) -> list[str]:
        """The heads of one modality each: all but `joint`."""
        return [head for head in self.head_names if head != JOINT]

    @property
    def num_classes(self) -> int:
        """How many classes each head tells apart."""
        return int(self.network.output[JOINT].shape[-1])

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.network(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "network": keras.saving.serialize_keras_object(self.network),
            "multi_label": self.multi_label,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> "BlendedModel":
        network = keras.saving.deserialize_keras_object(
            config["network"], custom_objects=custom_objects
        )
        return cls(
            network, multi_label=config["multi_label"], name=config["name"]
        )

    # Blend weights

    @property
    def blend_weights(self) -> dict[str, float]:
        """The weight of each head's loss; they sum to 1."""
        values = keras.ops.convert_to_numpy(self._weights_variable)
        return {
            head: float(value)
            for head, value in zip(self.head_names, values, strict=True)
        }

    def assign_blend_weights(self, weights: Mapping[str, float]) -> None:
        """Sets the weight of each head's loss, from the next step on.

        Args:
            weights: `{head: weight}` for every head, each >= 0, summing to 1.

        Raises:
            ValueError: If a head is missing or unknown, or a weight is
                negative, or they do not sum to 1.
        """
        if set(weights) != set(self.head_names):
            raise ValueError(
                "`weights` does not name the heads. Expected "
                f"{self.head_names}. Received: {list(weights)}. "
                "Give every head a weight."
            )
        values = np.array([weights[head] for head in self.head_names])
        if not (values >= 0).all() or not math.isclose(
            values.sum(), 1.0, abs_tol=1e-4
        ):
            raise ValueError(
                "`weights` is no blend. Expected weights >= 0 that sum to 1. "
                f"Received: {dict(weights)}. Divide them by their sum."
            )
        self._weights_variable.assign(values.astype(np.float32))

    def isolate_heads(self, heads: list[str]) -> None:
        """Gives each of these heads its plain loss and the others none.

        For probes: the losses are summed, neither averaged nor scaled, so
        that each head trains as it would alone. The `loss_scale` does not
        apply. `assign_blend_weights` ends it.

        Args:
            heads: Names of heads.
        """
        chosen = np.array([head in heads for head in self.head_names])
        self._weights_variable.assign(
            chosen.astype(np.float32) / np.float32(self.loss_scale)
        )

    @property
    def loss_weights(self) -> tf.Tensor:
        """The weight of each head's loss inside a step, shape `(H,)`."""
        return tf.convert_to_tensor(self._weights_variable)

    def update_loss_weights(self, weights: tf.Tensor) -> None:
        """Sets the weights inside a step, where a rule learns them.

        Args:
            weights: Shape `(H,)`, each >= 0; a rule may leave their sum open.
        """
        self._weights_variable.assign(weights)

    def load_own_variables(self, store: Any) -> None:
        """Loads the blend weights; a plain model leaves a rule's values."""
        if self._rule is None:
            store = {"0": store["0"]}
        super().load_own_variables(store)

    # Training

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = None,
        *,
        loss_scale: float | None = None,
        learning_rate_factors: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: A `keras.optimizers` name or object. G-Blend acts
                through the size of gradients: SGD with momentum, as in the
                paper, feels the weights fully. Adam divides each variable's
                gradient by its own size, so inside a tower only the ratio of
                its own loss to the joint loss is left of them.
            loss: The loss of every head, on logits: None (cross-entropy),
                "sparse_categorical_crossentropy", "categorical_crossentropy",
                "binary_crossentropy", or a `keras.losses.Loss`.
            metrics: Metrics that each head and the blend get a copy of.
            loss_scale: Factor on the blended loss. Ours: None stands for the
                number of heads, so that uniform weights train each tower at
                least as fast as plain joint training does at this learning
                rate. 1 is the paper's.
            learning_rate_factors: `{modality: factor}` on the learning rate
                of its tower; 1 for others. See `rates.TowerRates`.
            **kwargs: `run_eagerly`, `steps_per_execution`, `jit_compile`,
                `auto_scale_loss`, as in Keras.

        Raises:
            ValueError: If an argument does not fit.
            TypeError: If `loss` is no loss, or an argument is unknown.
        """
        input_checks.check_compile(loss_scale, kwargs)
        self._set_losses(loss, metrics, loss_scale)
        self._rates = tower_rates.TowerRates(
            self.network, learning_rate_factors or {}
        )
        super().compile(optimizer=optimizer, **kwargs)
        replica_step.check_settings(
            self.distribute_strategy, jit_compile=self.jit_compile
        )
        accumulation.decide_together(self.optimizer, self.distribute_strategy)
        self._compile_arguments = {
            "optimizer": self.optimizer,
            "loss": self._loss,
            "metrics": metrics,
            "loss_scale": self.loss_scale,
            "learning_rate_factors": self._rates.factors,
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }

    def _set_losses(
        self, loss: Any, metrics: Any, loss_scale: float | None
    ) -> None:
        """Sets the loss of each head, and what is measured of it."""
        self._loss = losses.resolve_loss(loss, multi_label=self.multi_label)
        self._head_metrics = losses.HeadMetrics(
            self.head_names, metrics, self._loss
        )
        self.loss_scale = float(
            len(self.head_names) if loss_scale is None else loss_scale
        )
        self._measurer = None

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        return keras.saving.serialize_keras_object(
            {**self._compile_arguments, _SLOTS: self.optimizer.built}
        )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        arguments = keras.saving.deserialize_keras_object(config)
        has_slots = arguments.pop(_SLOTS, True)  # earlier versions say nothing
        self.compile(**arguments)
        if has_slots:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*super().metrics, *self._head_metrics.all]

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        # At the end of a dataset of unknown length there is no next batch.
        # What does not depend on it (the optimizer's iterations, the state of
        # random generators) would still be counted on by Keras' own step.
        with (
            tf.control_dependencies(tf.nest.flatten(data)),
            self._rates.scaled(),
        ):
            size = tf.shape(tf.nest.flatten(data)[0])[0]
            statistics = replica_step.SharedStatistics(self.network, size)
            logs = self._train_on(data, size)
            statistics.update()
            return keras_loops.packed(logs, self.distribute_strategy)

    def _train_on(self, data: Any, size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains on this replica's slice of a batch."""
        if self._rule is not None:
            return rule_step.train(
                self, data, size, rule=self._rule, seeds=self._rule_seeds
            )
        if replica_step.num_replicas() == 1:
            logs: dict[str, tf.Tensor] = super().train_step(data)
            return logs
        return replica_step.train_step(self, data, size)

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

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Builds the optimizer: the network is built.

        Keras' own hands the model batches that are still divided by replica,
        which fails on several workers (Keras issue 20585).
        """
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Returns this replica's share of the blended loss and penalties."""
        del x
        shares = self.head_losses(y, y_pred, sample_weight)
        if training:
            factor = self.slice_factor(y_pred, sample_weight)
            shares = replica_step.in_proportion(shares, factor)
        head_losses = tf.stack(shares)  # (H,)
        loss = self.loss_scale * tf.reduce_sum(self.loss_weights * head_losses)
        if self.losses:
            loss += self.penalty()
        return loss

    def head_losses(
        self, y: Any, y_pred: Any, sample_weight: Any
    ) -> list[tf.Tensor]:
        """Returns the plain loss of each head, divided by the replica count.

        Args:
            y: Labels of this replica's slice of a batch.
            y_pred: `{head: logits}`.
            sample_weight: Weights of its examples, or None.
        """
        return [
            self._loss(y, y_pred[head], sample_weight)
            for head in self.head_names
        ]

    def slice_factor(self, y_pred: Any, sample_weight: Any) -> tf.Tensor | None:
        """Returns how much more than the others this replica's slice counts.

        See `replicas.proportion`.

        Args:
            y_pred: `{head: logits}`.
            sample_weight: Weights of its examples, or None.
        """
        size = tf.shape(y_pred[JOINT])[0]
        return replica_step.proportion(self._loss, size, sample_weight)

    def penalty(self) -> tf.Tensor:
        """Returns this replica's share of the layers' penalties."""
        penalties = [tf.cast(value, tf.float32) for value in self.losses]
        return tf.nn.scale_regularization_loss(tf.add_n(penalties))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to each head's loss and metrics; returns the logs."""
        del x
        num_replicas = replica_step.num_replicas()
        size = tf.shape(y_pred[JOINT])[0]
        for head, mean in self._head_metrics.losses.items():
            share = self._loss(y, y_pred[head], sample_weight)
            mean.update_state(share * num_replicas, sample_weight=size)
        predicted = losses.probabilities(y_pred, multi_label=self.multi_label)
        self._head_metrics.update_scores(y, predicted)
        return self.get_metrics_result()

    def predict_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Returns the probabilities of each head and of the blend."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return losses.probabilities(
            self(x, training=False), multi_label=self.multi_label
        )

    @property
    def examples_seen(self) -> int:
        """How many examples the epoch has counted so far."""
        count = self._head_metrics.losses[JOINT].count
        return round(float(keras.ops.convert_to_numpy(count)))

    def measure(
        self,
        dataset: Any,
        measure: str = "loss",
        *,
        class_weight: Mapping[int, float] | None = None,
    ) -> tuple[example_losses.FloatArray, example_losses.FloatArray]:
        """Computes the loss of every example under every head, untrained.

        In evaluation mode; each example by itself, so the batch size does not
        matter.

        Args:
            dataset: Batches of `(x, y)` or `(x, y, sample_weight)`.
            measure: "loss" in nats, or "accuracy" for 1 - accuracy.
            class_weight: `{class: weight}`, multiplied into sample weights.

        Returns:
            Shape `(examples, heads)`, and sample weights `(examples,)`.
        """
        if self._measurer is None:
            self._measurer = example_losses.Measurer(
                self.network,
                self._loss,
                multi_label=self.multi_label,
                strategy=self.distribute_strategy,
            )
        return self._measurer.measure(
            training_set.as_dataset(dataset), measure, class_weight=class_weight
        )

    @_documented_by(keras.Model.fit)
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        bound.apply_defaults()
        call = bound.arguments
        for name in ("x", "validation_data"):
            call[name] = training_set.as_dataset(call[name])
        self._check_fit(call)
        call["callbacks"] = fit_arguments.arrange_callbacks(
            call, self._head_metrics
        )
        call.pop("self")
        if training_set.training_set_of(call["x"]) is not None:
            call["shuffle"] = False  # it shuffles itself, by epoch
        return keras_loops.fit(self, call)

    @_documented_by(keras.Model.evaluate)
    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        x = training_set.as_dataset(x)
        if "_use_cached_eval_dataset" not in kwargs:  # not from within fit
            self._check(x, y, kwargs.get("sample_weight"))
        return keras_loops.evaluate(self, {"x": x, "y": y} | kwargs)

    @_documented_by(keras.Model.predict)
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        x = training_set.as_dataset(x)
        if isinstance(x, (Mapping, np.ndarray)):
            input_checks.check_inputs(self.network, x)
        bound = inspect.signature(keras.Model.predict).bind(
            self, x, *args, **kwargs
        )
        call = {**bound.arguments}
        return keras_loops.predict(call.pop("self"), call)

    def predict_available(
        self, x: Mapping[str, Any], *, batch_size: int = 32
    ) -> Any:
        """Predicts from the modalities that are there.

        The mean of the logits of the trained heads that see nothing else,
        as probabilities; see `blending.available.Answer`.

        Args:
            x: `{modality: array}` with at least one modality. For many calls,
                build an `Answer` once.
            batch_size: Examples computed at a time.

        Returns:
            Probabilities `(examples, num_classes)`.

        Raises:
            ValueError: If `x` does not fit the network.
        """
        return missing_modalities.predict_available(
            self, x, batch_size=batch_size
        )

    def _check(self, x: Any, y: Any, sample_weight: Any) -> None:
        is_arrays = isinstance(x, (Mapping, np.ndarray, list)) or y is not None
        data = (x, y, sample_weight) if is_arrays else x
        rule = (self.num_classes, self.multi_label)
        input_checks.check_data(self.network, data, rule)

    def _check_fit(self, call: dict[str, Any]) -> None:
        self._check(call["x"], call["y"], call["sample_weight"])
        held_out = call["validation_data"]
        if isinstance(held_out, (tuple, list)):
            self._check(*held_out, *[None] * (3 - len(held_out)))
        elif held_out is not None:
            self._check(held_out, None, None)
