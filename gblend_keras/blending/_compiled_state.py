"""State of a compiled model that is saved with it: how it was compiled."""

from typing import Any

import keras

# Whether the optimizer had made its slots. Keras loads an optimizer only if
# it has as many variables as the saved one had.
SLOTS = "optimizer_has_slots"


def to_config(model: Any, metrics: Any) -> dict[str, Any]:
    """Returns the arguments of `compile`, as plain values.

    Args:
        model: A compiled `BlendedModel`.
        metrics: What it was given as `metrics`.
    """
    return keras.saving.serialize_keras_object(
        {
            "optimizer": model.optimizer,
            "loss": model.loss_function,
            "metrics": metrics,
            "loss_scale": model.head_weights.fixed_scale,
            "learning_rate_factors": model.tower_rates.factors,
            "run_eagerly": model.run_eagerly,
            "steps_per_execution": model.steps_per_execution,
            "jit_compile": model.jit_compile,
            SLOTS: model.optimizer.built,
        }
    )


def compile_from(model: Any, config: dict[str, Any]) -> None:
    """Compiles a model as `to_config` says.

    Args:
        model: A `BlendedModel`.
        config: What `to_config` returned; earlier versions say nothing of
            slots, and had made them.
    """
    arguments = keras.saving.deserialize_keras_object(config)
    has_slots = arguments.pop(SLOTS, True)
    model.compile(**arguments)
    if has_slots:
        model.optimizer.build(model.trainable_variables)
