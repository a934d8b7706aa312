"""What is saved of a model beside its network: variables, and `compile`."""

from collections.abc import Callable
from typing import Any

import keras

# Whether the optimizer had made its slots. Keras loads an optimizer only if
# it has as many variables as the saved one had.
SLOTS = "optimizer_has_slots"
# Of the pool's exponents; other variables are numbered, as Keras does it.
EXPONENTS = "pool_exponents"


def save_variables(save: Callable[[Any], None], store: Any) -> None:
    """Writes a model's own variables; the pool's, the last, under its name.

    Args:
        save: Keras' own `save_own_variables`.
        store: Where to.
    """
    numbered: dict[str, Any] = {}
    save(numbered)
    names = [*numbered]
    for name in names[:-1]:
        store[name] = numbered[name]
    store[EXPONENTS] = numbered[names[-1]]


def load_variables(
    model: Any, load: Callable[[Any], None], store: Any, *, with_rule: bool
) -> None:
    """Reads them. Files of earlier versions have no exponents: none are set.

    Args:
        model: A `BlendedModel`.
        load: Keras' own `load_own_variables`.
        store: What was saved.
        with_rule: Whether the model has a rule; a plain one leaves a rule's
            values.
    """
    numbered = {name: store[name] for name in store.keys() if name.isdigit()}
    if not with_rule:
        numbered = {"0": store["0"]}
    exponents = model.pool.variable
    numbered[str(len(numbered))] = (
        store[EXPONENTS]
        if EXPONENTS in store.keys()
        else keras.ops.zeros(exponents.shape)
    )
    load(numbered)


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
