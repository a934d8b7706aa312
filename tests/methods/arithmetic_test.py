"""The mathematics of the methods, by hand and by its properties."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import isolated_heads
from gblend_keras.blending import rules
from gblend_keras.methods import gradnorm
from gblend_keras.methods import mmpareto
from gblend_keras.methods import modality_dropout
from gblend_keras.methods import ogm_ge
from gblend_keras.methods import pcgrad
from gblend_keras.methods import uncertainty
from tests import toy
from tests.methods import small

IN_ORDER = tf.constant([[0, 1], [0, 1]])


def near(values):
    return pytest.approx(np.asarray(values), abs=1e-6)


def products(*vectors):
    matrix = np.array(vectors, np.float32)
    return tf.constant(matrix @ matrix.T)


# PCGrad


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
    towers = rules.tower_variables(model.network, "joint")
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


# MMPareto


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
    tower = rules.tower_variables(model.network, "joint")
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


# GradNorm


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


# Uncertainty


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


# OGM-GE


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
    towers = rules.tower_variables(model.network, "joint")
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


@pytest.mark.parametrize("rule", [mmpareto.MMPareto(1.5), ogm_ge.OgmGe(0.5, 1)])
def test_towers_that_other_modalities_enter_are_refused(rule):
    towers = {name: toy.tower("shared", 6) for name in ("m0", "m1")}
    towers["m1"] = towers["m0"]
    with pytest.raises(ValueError, match="or choose another method."):
        gb.BlendedModel(gb.late_fusion(towers, 3), rule=rule)


# Modality dropout


def test_dropped_modalities_are_those_with_small_draws():
    draws = tf.constant([[0.1, 0.9], [0.5, 0.6], [0.1, 0.05]])
    found = modality_dropout.kept(draws, 0.2).numpy()
    # In the last row both would go; the larger draw stays.
    assert found.tolist() == [[False, True], [True, True], [True, False]]


def test_modalities_are_dropped_as_often_as_said_and_never_all():
    draws = tf.constant(np.random.default_rng(0).random((20000, 2)), tf.float32)
    found = modality_dropout.kept(draws, 0.4).numpy()
    assert found.any(axis=1).all()
    # Each is dropped with 0.4, save for half of the cases where both were.
    assert found.mean(axis=0) == pytest.approx([0.68, 0.68], abs=0.015)


def test_dropped_inputs_are_what_stands_for_absent_ones():
    norm = keras.layers.Normalization(mean=[2.0, 3.0], variance=[1.0, 4.0])
    pose = keras.Sequential([keras.Input((2,)), norm], name="pose_tower")
    text = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(3, 4),
            keras.layers.GlobalAveragePooling1D(),
        ],
        name="text_tower",
    )
    rule = modality_dropout.ModalityDropout(0.5)
    network = gb.late_fusion({"pose": pose, "text": text}, 3)
    gb.BlendedModel(network, rule=rule)
    x = {"pose": tf.ones((64, 2)), "text": tf.ones((64, 5), tf.int32)}
    found = rule.inputs(x, keras.random.SeedGenerator(0))
    absent = {"pose": [2.0, 3.0], "text": [0] * 5}  # the mean; zeros
    for name, value in found.items():
        assert value.dtype == x[name].dtype and value.shape == x[name].shape
        dropped = (value.numpy() == absent[name]).all(axis=1)
        assert 0 < dropped.mean() < 1
        assert (value.numpy()[~dropped] == 1).all()


def test_inputs_of_open_size_are_refused():
    tower = keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.GlobalAveragePooling1D(),
        ],
        name="m0_tower",
    )
    rule = modality_dropout.ModalityDropout(0.5)
    with pytest.raises(ValueError, match="'m0' cannot be left out"):
        gb.BlendedModel(gb.late_fusion({"m0": tower}, 3), rule=rule)
