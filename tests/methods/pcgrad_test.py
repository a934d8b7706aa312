"""PCGrad by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.fusion import network
from gblend_keras.methods import pcgrad
from tests import toy
from tests.methods import small

IN_ORDER = tf.constant([[0, 1], [0, 1]])


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def products(*vectors):
    matrix = np.array(vectors, np.float32)
    return tf.constant(matrix @ matrix.T)


def test_conflicting_gradients_are_projected():
    # g_0 = (1, 0), g_1 = (-1, 1): g_0 . g_1 = -1, |g_1|^2 = 2, |g_0|^2 = 1.
    # g_0 + 1/2 g_1 = (0.5, 0.5), g_1 + 1 g_0 = (0, 1).
    found = pcgrad.projected(products([1, 0], [-1, 1]), IN_ORDER).numpy()
    assert found == near([[1, 0.5], [1, 1]])


def test_gradients_that_agree_stay():
    found = pcgrad.projected(products([1, 0], [1, 1]), IN_ORDER)
    assert found.numpy() == near(np.eye(2))


def test_projection_takes_the_projected_gradient_further():
    vectors = np.array([[1, 0, 0], [-1, 1, 0], [-1, -2, 1]], np.float32)
    order = tf.constant([[1, 2, 0]] * 3)
    found = pcgrad.projected(products(*vectors), order).numpy()
    # Head 0: g = (1,0,0) + 1/2 (-1,1,0) = (.5,.5,0); g . g_2 = -1.5, of 6:
    # g + 1/4 g_2.
    assert found[0] == near([1, 0.5, 0.25])
    # Nothing conflicts with the head that was met last.
    assert (found[0] @ vectors) @ vectors[2] == pytest.approx(0, abs=1e-6)


def test_pcgrad_mixes_towers_and_leaves_what_one_head_has_alone():
    rule = pcgrad.PCGrad()
    model = small.blended(rule)
    x, y = toy.arrays(num_examples=12)
    found, alone = small.applied(rule, model, x, y)
    factors = {}
    towers = network.tower_variables(model.network)
    for index, variable in enumerate(model.trainable_variables):
        parts = [each[index] for each in alone.values()]
        present = [part.numpy() for part in parts if part is not None]
        if len(present) == 1:
            np.testing.assert_array_equal(found[index], present[0])
            continue
        (owner,) = [name for name, ids in towers.items() if id(variable) in ids]
        both = np.stack([part.ravel() for part in present], axis=1)
        mixed = found[index].numpy().ravel()
        factors.setdefault(owner, []).append(
            np.linalg.lstsq(both, mixed, rcond=None)[0]
        )
    for each in factors.values():  # one pair of coefficients a tower
        np.testing.assert_allclose(each[0], each[1], rtol=1e-3)
