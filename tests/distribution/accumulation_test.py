"""Accumulation decided by all replicas together, where it needs no threads.

What threads do is in `tests/journeys/replica_settings_test.py`.
"""

import types

import keras
import numpy as np

import gblend_keras as gb
from gblend_keras.distribution import accumulation
from tests import alone
from tests import toy


def trained(*, together, jit_compile):
    """Trains 5 batches, 3 an update; returns every variable."""
    keras.utils.set_random_seed(0)
    optimizer = keras.optimizers.Adam(
        0.01, clipnorm=0.1, gradient_accumulation_steps=3
    )
    model = toy.model(optimizer=optimizer, jit_compile=jit_compile)
    assert model.jit_compile == jit_compile  # Keras only warns
    if together:
        several = types.SimpleNamespace(num_replicas_in_sync=2)
        accumulation.decide_together(optimizer, several)
    x, y = toy.arrays(num_examples=75)
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=15)
    toy.fit(model, data, epochs=1)
    return toy.state(model)


def check_one_definition(jit_compile):
    own = trained(together=False, jit_compile=jit_compile)
    ours = trained(together=True, jit_compile=jit_compile)
    for value, expected in zip(ours, own, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_one_definition_for_all_replicas_does_what_keras_does():
    check_one_definition(jit_compile=False)


def test_one_definition_for_all_replicas_can_be_compiled():
    alone.run(check_one_definition, True)


def test_optimizer_that_does_not_accumulate_is_left_alone():
    optimizer = keras.optimizers.SGD(0.1)
    several = types.SimpleNamespace(num_replicas_in_sync=2)
    accumulation.decide_together(optimizer, several)
    assert "_backend_apply_gradients" not in vars(optimizer)
