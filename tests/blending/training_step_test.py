"""Training step: what Keras' own step does, and what a rule sees of it."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.distribution import distributed_model
from tests import toy


class KerasStepModel(gb.BlendedModel):
    """A model that trains with Keras' own step."""

    def train_on_slice(self, data, size):
        return distributed_model.DistributedModel.train_on_slice(
            self, data, size
        )


def tower(name, size):
    """Builds a tower with penalty, statistics and random numbers."""
    inputs = keras.Input((size,))
    x = keras.layers.Dense(8, kernel_regularizer="l2")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, x, name=f"{name}_tower")


def blended(kind, rule=None, **arguments):
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    towers = {"m0": tower("m0", 6), "m1": tower("m1", 7)}
    model = kind(gb.late_fusion(towers, 3), rule=rule)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), **arguments)
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_plain_step_is_keras_own_bit_for_bit(policy):
    keras.config.set_dtype_policy(policy)
    x, y = toy.arrays()
    weight = np.linspace(0.5, 1.5, len(y), dtype=np.float32)

    def trained(kind):
        model = blended(kind)
        model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
        history = model.fit(
            x, y, sample_weight=weight, batch_size=20, epochs=2, verbose=0
        )
        return history.history, toy.state(model)

    logs, expected = trained(KerasStepModel)
    found, state = trained(gb.BlendedModel)
    assert found == logs
    for one, other in zip(state, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rule_sees_the_blended_loss_head_by_head():
    seen = []

    class Watching(gb.Rule):
        def gradients(self, model, step):
            seen.append(step)
            return step.loss_gradients()

    model = blended(gb.BlendedModel, Watching(), run_eagerly=True)
    x, y = toy.arrays(num_examples=12)
    history = model.fit(x, y, batch_size=12, epochs=1, verbose=0)
    (step,) = seen
    assert list(step.targets) == step.heads == ["m0", "m1", "joint"]
    # An even blend: each tower gets half of its own loss, half of the joint.
    halves = [each / 2 for each in step.losses]
    np.testing.assert_array_equal(list(step.targets.values()), halves)
    whole = float(sum(step.targets.values()) + step.penalty)
    assert history.history["loss"] == [pytest.approx(whole, rel=1e-6)]
    logged = [history.history[f"{head}_loss"][0] for head in step.heads]
    np.testing.assert_allclose(step.losses, logged, rtol=1e-6)
    # Only what a head reads has a gradient of it.
    read = [each is not None for each in step.gradients_of("m0")]
    network = keras.Model(model.network.input, model.network.output["m0"])
    wanted = {id(variable) for variable in network.trainable_variables}
    assert read == [id(variable) in wanted for variable in step.variables]
