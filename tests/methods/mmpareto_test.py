"""MMPareto by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.blending import rules
from gblend_keras.fusion import network
from gblend_keras.methods import mmpareto
from tests import toy
from tests.methods import small


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def products(*vectors):
    matrix = np.array(vectors, np.float32)
    return tf.constant(matrix @ matrix.T)


def test_towers_gradients_that_agree_get_equal_shares():
    assert float(mmpareto.joint_share(products([1, 0], [1, 1]))) == 0.5


def test_conflicting_towers_gradients_get_the_least_norm():
    # g_j = (2, 0), g_m = (-1, 1): (2 + 2) / (4 + 2 + 4) = 0.4.
    # 0.4 g_j + 0.6 g_m = (0.2, 0.6): as near to 0 as the line comes.
    pair = np.array([[2, 0], [-1, 1]], np.float32)
    share = float(mmpareto.joint_share(products(*pair)))
    assert share == pytest.approx(0.4)
    least = share * pair[0] + (1 - share) * pair[1]
    assert least @ (pair[0] - pair[1]) == pytest.approx(0, abs=1e-6)
    assert min(pair @ least) > 0  # a descent direction of both losses


def test_opposite_gradients_cancel_and_leave_no_nan():
    share = mmpareto.joint_share(products([1, 0], [-1, 0]))
    mixed = mmpareto.enlarged(
        tf.constant([1.0, 0.0]), tf.constant([-1.0, 0.0]), share
    )
    assert mixed.numpy() == near([0, 0])


def test_mixed_gradient_is_not_smaller_than_the_sum():
    one, other = tf.constant([2.0, 0.0]), tf.constant([-1.0, 1.0])
    mixed = mmpareto.enlarged(one, other, tf.constant(0.4))
    # h = (0.4, 1.2), |h| = 1.265; the sum (1, 1), 1.414: h * 1.118.
    assert mixed.numpy() == near(np.array([0.4, 1.2]) * np.sqrt(2 / 1.6))
    larger = mmpareto.enlarged(one, other, tf.constant(0.9))
    # h = (3.4, 0.2), longer than the sum: stays.
    assert larger.numpy() == near([3.4, 0.2])


def test_mmpareto_mixes_each_tower_by_its_own_share():
    rule = mmpareto.MMPareto(1.5)
    model = small.blended(rule)
    x, y = toy.arrays(num_examples=12)
    found, alone = small.applied(rule, model, x, y)
    tower = network.tower_variables(model.network)
    for head in model.modality_heads:
        pair = rules.shared_only([alone["joint"], alone[head]])
        share = float(mmpareto.joint_share(rules.inner_products(pair)))
        for index, variable in enumerate(model.trainable_variables):
            one, own = alone["joint"][index], alone[head][index]
            if id(variable) in tower[head]:
                expected = 1.5 * mmpareto.enlarged(one, own, share)
                np.testing.assert_allclose(found[index], expected, rtol=1e-5)
            elif own is not None:
                np.testing.assert_allclose(found[index], own, rtol=1e-5)
