"""BlendedModel: a network with several heads, trained on their blend."""

import inspect
from collections.abc import Mapping
from typing import Any
from typing import Literal

import keras

from gblend_keras.answers import calibration
from gblend_keras.answers.pool import Pool
from gblend_keras.blending import _compiled_state
from gblend_keras.blending import _example_losses
from gblend_keras.blending import _head_metrics
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import input_checks
from gblend_keras.blending import losses
from gblend_keras.blending import missing_modalities
from gblend_keras.blending import rules
from gblend_keras.blending import training_step
from gblend_keras.blending._head_weights import HeadWeights
from gblend_keras.distribution import accumulation
from gblend_keras.distribution import distributed_model
from gblend_keras.distribution import keras_loops
from gblend_keras.distribution import replica_step
from gblend_keras.fusion.tower_rates import TowerRates
from gblend_keras.heads import JOINT
from gblend_keras.heads import POOL


@keras.saving.register_keras_serializable(package="gblend_keras")
class BlendedModel(distributed_model.DistributedModel):
    """Trains a network with several heads on the weighted sum of their losses.

        loss = loss_scale * sum_h w_h L_h,    w >= 0, sum_h w_h = 1

    The weights are a variable, so that assigning them reaches the compiled
    step. They start uniform; `GradientBlending` estimates better ones.

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 7.
    Ours: `loss_scale` (see `compile`), and two answers that are reported and
    predicted beside the heads: `blend`, the mean of their probabilities, and
    `pool`, their product, each to the power of its exponent (`calibrate`).

    Args:
        network: Functional model `{modality: input} -> {head: logits}` with a
            head `joint`, such as `late_fusion` builds.
        multi_label: Whether an example may have several classes: labels are
            multi-hot then, and probabilities are sigmoids.
        rule: What a method changes in a training step, such as
            `methods.get("pcgrad").new_rule()`. The saved model has none.

    Raises:
        ValueError: If the network's inputs or outputs are not named, or no
            head is called `joint`, or the rule does not suit the network.
        TypeError: If `rule` is no rule.

    Example:
        >>> import gblend_keras as gb
        >>> pose = gb.build_mlp((6,), name="pose_tower")
        >>> sound = gb.build_mlp((20,), name="sound_tower")
        >>> towers = {"pose": pose, "sound": sound}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd", metrics=["accuracy"])
        >>> {head: round(w, 2) for head, w in model.blend_weights.items()}
        {'pose': 0.33, 'sound': 0.33, 'joint': 0.33}
    """

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
        self.head_weights = HeadWeights(self, self.head_names)
        self._head_metrics = _head_metrics.HeadMetrics([], None, None)
        self._measurer: _example_losses.Measurer | None = None
        self.tower_rates = TowerRates(network, {})
        self._rule = rule
        self._rule_seeds = rule and keras.random.SeedGenerator()
        if rule is not None:
            rule.build(self)
        self.pool = Pool(self, self.head_names, list(network.input))  # the last
        self.built = True

    @property
    def modality_heads(self) -> list[str]:
        """The heads of one modality each: all but `joint`."""
        return [head for head in self.head_names if head != JOINT]

    @property
    def num_classes(self) -> int:
        """How many classes each head tells apart."""
        return int(self.network.output[JOINT].shape[-1])

    @property
    def _label_kind(self) -> input_checks.LabelKind:
        return (self.num_classes, self.multi_label)

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

    @property
    def loss_scale(self) -> float:
        """What the blended loss is multiplied by, as it is now."""
        return self.head_weights.scale_value

    @property
    def blend_weights(self) -> dict[str, float]:
        """The weight of each head's loss; they sum to 1."""
        return self.head_weights.values

    def assign_blend_weights(self, weights: Mapping[str, float]) -> None:
        """Sets the weight of each head's loss, from the next step on.

        Args:
            weights: `{head: weight}` for every head, each >= 0, summing to 1.

        Raises:
            ValueError: If they are no blend of these heads.
        """
        self.head_weights.assign(weights)

    def save_own_variables(self, store: Any) -> None:
        _compiled_state.save_variables(super().save_own_variables, store)

    def load_own_variables(self, store: Any) -> None:
        load, has_rule = super().load_own_variables, self._rule is not None
        _compiled_state.load_variables(self, load, store, with_rule=has_rule)

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = None,
        *,
        loss_scale: float | Literal["heads"] | None = None,
        learning_rate_factors: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: A `keras.optimizers` name or object. SGD with momentum,
                the paper's, feels the weights fully. Adam divides each
                gradient by its own size, so inside a tower only the ratio of
                its own loss to the joint loss is left of them.
            loss: The loss of every head, on logits: None (cross-entropy),
                "sparse_categorical_crossentropy", "categorical_crossentropy",
                "binary_crossentropy", or a `keras.losses.Loss`.
            metrics: Metrics that each head and the blend get a copy of.
            loss_scale: Factor on the blended loss; 1 is the paper's. Ours:
                None so that no tower trains faster than under plain joint
                training (under a rule, with equal weights); "heads" for the
                number of heads.
            learning_rate_factors: `{modality: factor}` on the learning rate
                of its tower; 1 for others. See `tower_rates.TowerRates`.
            **kwargs: `run_eagerly`, `steps_per_execution`, `jit_compile`,
                `auto_scale_loss`, as in Keras.

        Raises:
            ValueError: If an argument does not fit.
            TypeError: If `loss` is no loss, or an argument is unknown.
        """
        input_checks.check_compile(loss_scale, kwargs)
        self.loss_function = losses.resolve_loss(
            loss, multi_label=self.multi_label
        )
        self._head_metrics = _head_metrics.HeadMetrics(
            self.head_names, metrics, self.loss_function
        )
        self.head_weights.set_scale(loss_scale, follows=self._rule is None)
        self._measurer = None
        self.tower_rates = TowerRates(self.network, learning_rate_factors or {})
        super().compile(optimizer=optimizer, **kwargs)
        replica_step.check_settings(
            self.distribute_strategy, jit_compile=self.jit_compile
        )
        accumulation.decide_together(self.optimizer, self.distribute_strategy)
        self._given_metrics = metrics

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        return _compiled_state.to_config(self, self._given_metrics)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        _compiled_state.compile_from(self, config)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*super().metrics, *self._head_metrics.all]

    def train_on_slice(self, data: Any, size: Any) -> dict[str, Any]:
        with self.tower_rates.scaled():
            rule, seeds = self._rule, self._rule_seeds
            return training_step.train(self, data, size, rule=rule, seeds=seeds)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns this replica's share of the blended loss and penalties."""
        del x
        return training_step.compute_loss(
            self, y, y_pred, sample_weight, training=training
        )

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to each head's loss and metrics; returns the logs."""
        del x
        self._head_metrics.update(
            training_step.head_losses(self, y, y_pred, sample_weight),
            y,
            self.answers(y_pred),
        )
        return self.get_metrics_result()

    def answers(self, logits: Any) -> dict[str, Any]:
        """Returns the probabilities of each head, of `blend` and `pool`."""
        found = losses.probabilities(logits, multi_label=self.multi_label)
        answering = self.head_weights.tensor > 0
        found[POOL] = self.pool.answer(
            logits, answering, multi_label=self.multi_label
        )
        return found

    def predict_step(self, data: Any) -> dict[str, Any]:
        """Returns the answers to a batch."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.answers(self(x, training=False))

    @property
    def examples_seen(self) -> int:
        """How many examples the epoch has counted so far."""
        return self._head_metrics.examples_seen

    @distributed_model.documented_by(_example_losses.Measurer.measure)
    def measure(
        self,
        dataset: Any,
        measure: str = "loss",
        **options: Any,
    ) -> tuple[_example_losses.FloatArray, _example_losses.FloatArray]:
        measurer = self._measurer or _example_losses.Measurer(self)
        self._measurer = measurer
        return measurer.measure(dataset, measure, **options)

    @distributed_model.documented_by(_example_losses.calibrate)
    def calibrate(self, *args: Any, **kwargs: Any) -> calibration.Calibration:
        return _example_losses.calibrate(self, *args, **kwargs)

    @distributed_model.documented_by(keras.Model.fit)
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        bound.apply_defaults()
        call = fit_arguments.with_dataset(bound.arguments)
        input_checks.check_fit(self.network, call, self._label_kind)
        call["callbacks"] = fit_arguments.arrange_callbacks(
            call, self._head_metrics
        )
        return keras_loops.fit(self, call)

    def check_evaluated(self, x: Any, y: Any, sample_weight: Any) -> None:
        data = (x, y, sample_weight)
        input_checks.check_given(self.network, data, self._label_kind)

    def check_predicted(self, x: Any) -> None:
        input_checks.check_inputs(self.network, x)

    @distributed_model.documented_by(missing_modalities.predict_available)
    def predict_available(self, x: Mapping[str, Any], **options: Any) -> Any:
        return missing_modalities.predict_available(self, x, **options)
