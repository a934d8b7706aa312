"""OGM-GE by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.blending import isolated_heads
from gblend_keras.fusion import network
from gblend_keras.methods import ogm_ge
from tests import toy
from tests.methods import small


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def test_ogm_slows_the_leading_modality_down():
    # rho = (2, 1/2): k = 1 - tanh(0.5 * 2), 1.
    found = ogm_ge.coefficients(tf.constant([4.0, 2.0]), 0.5).numpy()
    assert found == near([1 - np.tanh(1.0), 1])


def test_ogm_compares_three_modalities_with_the_mean_of_the_others():
    # rho = 6 / 2.5, 3 / 4, 2 / 4.5
    found = ogm_ge.coefficients(tf.constant([6.0, 3.0, 2.0]), 0.3).numpy()
    assert found == near([1 - np.tanh(0.3 * 2.4), 1, 1])


def test_ogm_leaves_a_single_modality_alone():
    assert ogm_ge.coefficients(tf.constant([4.0]), 0.5).numpy() == near([1])


@pytest.mark.parametrize("labels", ["integers", "column", "one-hot"])
def test_sum_of_the_true_class(labels):
    probability = tf.constant([[0.1, 0.9], [0.4, 0.6]])
    y = {
        "integers": np.array([1, 0]),
        "column": np.array([[1], [0]]),
        "one-hot": np.array([[0, 1], [1, 0]]),
    }[labels]
    assert float(ogm_ge.true_class_sum(probability, y)) == pytest.approx(1.3)


def test_sum_of_the_true_class_takes_the_mean_of_several():
    probability = tf.constant([[0.1, 0.9], [0.4, 0.6]])
    y = np.array([[1, 1], [0, 0]])
    assert float(ogm_ge.true_class_sum(probability, y)) == pytest.approx(0.5)


def test_ogm_scales_towers_alone_and_keeps_probes_out_of_them():
    rule = ogm_ge.OgmGe(alpha=0.5, noise=0.0)
    model = small.blended(rule)
    isolated_heads.isolate(model, model.head_names)
    x, y = toy.arrays(num_examples=12)
    found, alone = small.applied(rule, model, x, y)
    towers = network.tower_variables(model.network)
    ratios = {}
    for index, variable in enumerate(model.trainable_variables):
        joint = alone["joint"][index]
        owner = [head for head, ids in towers.items() if id(variable) in ids]
        if owner:  # a tower
            ratio = np.linalg.norm(found[index]) / np.linalg.norm(joint)
            ratios.setdefault(owner[0], []).append(ratio)
        elif joint is not None:
            np.testing.assert_allclose(found[index], joint, rtol=1e-5)
        else:
            (own,) = [
                alone[head][index]
                for head in model.modality_heads
                if alone[head][index] is not None
            ]
            np.testing.assert_allclose(found[index], own, rtol=1e-5)
    for values in ratios.values():
        np.testing.assert_allclose(values, values[0], rtol=1e-4)
    low, high = sorted(values[0] for values in ratios.values())
    assert low < 0.9 and high == pytest.approx(1)


def test_noise_of_ge_is_as_large_as_the_gradient():
    rule = ogm_ge.OgmGe(alpha=0.5, noise=1.0)
    model = small.blended(rule, units=64)
    isolated_heads.isolate(model, model.head_names)
    x, y = toy.arrays(num_examples=12)
    noisy, alone = small.applied(rule, model, x, y)
    rule.noise = 0.0
    plain, _ = small.applied(rule, model, x, y)
    kernel, bias = model.trainable_variables[:2]
    assert len(kernel.shape) == 2 and len(bias.shape) == 1
    spread = np.std(noisy[0] - plain[0])
    assert spread == pytest.approx(np.std(alone["joint"][0]), rel=0.15)
    np.testing.assert_array_equal(noisy[1], plain[1])
