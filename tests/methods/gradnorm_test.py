"""GradNorm by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.methods import gradnorm
from tests import toy
from tests.methods import small


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def test_gradnorms_targets_favour_heads_that_lag():
    # Mean loss 2: r = (0.5, 1.5); mean norm 2.
    losses, norms = tf.constant([1.0, 3.0]), tf.constant([3.0, 1.0])
    found = gradnorm.targets(norms, losses, 1.0).numpy()
    assert found == near([1.0, 3.0])
    assert gradnorm.targets(norms, losses, 0.0).numpy() == near([2.0, 2.0])


def test_gradnorms_slope_is_that_of_its_loss():
    raw, weights = tf.constant([3.0, 1.0, 0.5]), tf.constant([0.5, 0.3, 0.2])
    losses = tf.constant([1.0, 3.0, 2.0])
    with tf.GradientTape() as tape:
        scaled = 3 * weights
        tape.watch(scaled)
        norms = scaled * raw  # of the weighted losses
        wanted = tf.stop_gradient(gradnorm.targets(norms, losses, 1.5))
        loss = tf.reduce_sum(tf.abs(norms - wanted))
    slope = tape.gradient(loss, scaled) / tf.reduce_mean(norms)
    moved = scaled - 0.1 * slope
    found = gradnorm.next_weights(weights, norms, wanted, 0.1)
    expected = moved / tf.reduce_sum(moved)
    assert found.numpy() == near(expected.numpy())
    assert float(tf.reduce_sum(found)) == pytest.approx(1)


def test_gradnorm_stays_a_blend_and_survives_an_overflow():
    weights = tf.constant([0.001, 0.999])
    norms = tf.constant([1000.0, 1.0])
    found = gradnorm.next_weights(weights, norms, tf.zeros(2), 1.0).numpy()
    assert found.min() > 0 and found.sum() == pytest.approx(1)
    infinite = tf.constant([np.inf, 1.0])
    kept = gradnorm.next_weights(weights, infinite, tf.ones(2), 1.0)
    assert kept.numpy() == near(weights.numpy())


def test_gradnorm_moves_the_weights_of_the_model():
    model = small.blended(gradnorm.GradNorm(1.5, 0.1))
    model.fit(*toy.arrays(noise=0.3), epochs=2, verbose=0)
    found = list(model.blend_weights.values())
    assert sum(found) == pytest.approx(1) and np.ptp(found) > 0.01
