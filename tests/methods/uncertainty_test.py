"""Uncertainty weighting by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.methods import uncertainty
from tests import toy
from tests.methods import small


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def test_uncertaintys_slope_is_that_of_its_loss():
    log_variances = tf.constant([0.0, 0.7, -0.4])
    losses = tf.constant([1.0, 2.0, 0.1])
    with tf.GradientTape() as tape:
        tape.watch(log_variances)
        loss = tf.reduce_sum(
            tf.exp(-log_variances) * losses + log_variances / 2
        )
    expected = tape.gradient(loss, log_variances).numpy()
    assert uncertainty.slope(log_variances, losses).numpy() == near(expected)


def test_uncertainty_settles_where_the_variance_is_twice_the_loss():
    losses = np.array([0.25, 1.0])
    assert uncertainty.slope(
        tf.constant(np.log(2 * losses)), tf.constant(losses)
    ).numpy() == near([0, 0])


def test_uncertaintys_first_step_by_hand():
    rule = uncertainty.Uncertainty(rate=0.1, momentum=0.9)
    model = small.blended(rule)
    x, y = toy.arrays(num_examples=12)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    small.applied(rule, model, x, y)
    # s = 0 - 0.1 (1/2 - L); w = exp(-s) / 3
    expected = [
        np.exp(0.1 * (0.5 - logs[f"{head}_loss"])) / 3
        for head in model.head_names
    ]
    assert list(model.blend_weights.values()) == pytest.approx(expected)
