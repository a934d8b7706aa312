"""The arithmetic of G, O, OGR and the weights, by hand and by invariance."""

import numpy as np
import pytest

from gblend_keras.blending import ogr
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.loss_changes import Losses


def losses(num_examples=40, num_heads=3, seed=0, gain=0.5):
    rng = np.random.default_rng(seed)
    start = rng.gamma(2.0, 1.0, (num_examples, num_heads))
    shrink = rng.uniform(gain, 1.0, (num_examples, num_heads))
    weight = np.ones(num_examples)
    return Losses(start, start * shrink, weight)


def weights_of(train, holdout, **arguments):
    measured = ogr.measure(train, holdout)
    return ogr.blend_weights(
        measured.generalization,
        measured.overfitting,
        overfitting_error=measured.overfitting_error,
        **arguments,
    )


def test_weights_follow_generalisation_over_squared_overfitting():
    # G/O^2 = 0.2/0.01, 0.4/0.04 = 20, 10.
    weights = ogr.blend_weights([0.2, 0.4], [0.1, 0.2], floor=0.0)
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])


def test_published_mini_sports_weights_follow_from_figure_4():
    # Errors at epoch 45 (RGB, audio, joint) and at chance, 487 classes.
    chance = 1 - 1 / 487
    train = np.array([0.40780, 0.67813, 0.35312])
    valid = np.array([0.51164, 0.85993, 0.50812])
    weights = ogr.blend_weights(chance - valid, valid - train, floor=0.0)
    np.testing.assert_allclose(weights, [0.647, 0.060, 0.293], atol=1e-3)
    # What the paper prints in Table 5.
    np.testing.assert_allclose(weights, [0.65, 0.06, 0.29], atol=5e-3)


def test_sign_of_overfitting_does_not_matter():
    plus = ogr.blend_weights([0.2, 0.4], [0.1, 0.2])
    minus = ogr.blend_weights([0.2, 0.4], [-0.1, 0.2])
    np.testing.assert_array_equal(plus, minus)


def test_ogr_is_the_ratio_and_infinite_without_generalisation():
    # |0.3/-0.6| = 0.5; 0.3/0 is infinite.
    ratio = ogr.overfitting_to_generalization([-0.6, 0.0], [0.3, 0.3])
    np.testing.assert_allclose(ratio, [0.5, np.inf])


def test_head_that_stopped_generalising_gets_no_weight_but_the_floor():
    weights = ogr.blend_weights([0.5, -0.2], [0.1, 0.1], floor=0.01)
    np.testing.assert_allclose(weights, [1 / 1.01, 0.01 / 1.01])


def test_each_head_may_have_its_own_floor():
    weights = ogr.blend_weights([0.5, -0.2], [0.1, 0.1], floor=[0.01, 0.2])
    np.testing.assert_allclose(weights, [1 / 1.2, 0.2 / 1.2])


def test_no_head_that_generalises_keeps_the_previous_weights():
    weights = ogr.blend_weights([-0.1, 0.0], [0.1, 0.1], previous=[0.3, 0.7])
    np.testing.assert_allclose(weights, [0.3, 0.7])
    first = ogr.blend_weights([-0.1, 0.0], [0.1, 0.1])
    np.testing.assert_allclose(first, [0.5, 0.5])


def test_overfitting_below_its_error_counts_as_its_error():
    # O = (0.001, 0.2), error 0.1: G/O^2 = 0.2/0.01, 0.4/0.04 = 20, 10.
    weights = ogr.blend_weights(
        [0.2, 0.4], [0.001, 0.2], overfitting_error=0.1, floor=0.0
    )
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3])


def test_no_overfitting_and_no_error_gives_finite_weights():
    weights = ogr.blend_weights([0.2, 0.2], [0.0, 0.0])
    np.testing.assert_allclose(weights, [0.5, 0.5])


def test_measured_g_and_o_by_hand():
    # Holdout falls 2 -> 1 and 4 -> 2: G = 1.5. Train falls 3 -> 1: 2.
    # O = -1.5 - (-2) = 0.5.
    train = Losses(np.array([[3.0]]), np.array([[1.0]]), np.ones(1))
    holdout = Losses(
        np.array([[2.0], [4.0]]), np.array([[1.0], [2.0]]), np.ones(2)
    )
    measured = ogr.measure(train, holdout)
    np.testing.assert_allclose(measured.generalization, [1.5])
    np.testing.assert_allclose(measured.overfitting, [0.5])
    # Changes -1 and -2: variance 0.5, over 2 examples 0.25, root 0.5.
    np.testing.assert_allclose(measured.overfitting_error, [0.5])


def test_sample_weights_weight_the_means():
    # Changes -1 (weight 3) and -2 (weight 1): G = 5/4.
    holdout = Losses(
        np.array([[2.0], [4.0]]),
        np.array([[1.0], [2.0]]),
        np.array([3.0, 1.0]),
    )
    measured = ogr.measure(holdout, holdout)
    np.testing.assert_allclose(measured.generalization, [1.25])
    np.testing.assert_allclose(measured.overfitting, [0.0])


def test_repeated_holdout_changes_neither_weights_nor_intervals():
    train, holdout = losses(seed=1, gain=0.2), losses(seed=2)
    thrice = Losses(*(np.concatenate([part] * 3) for part in holdout[:3]))
    np.testing.assert_allclose(
        weights_of(train, thrice), weights_of(train, holdout), rtol=1e-9
    )
    np.testing.assert_allclose(
        ogr.bootstrap_weights(train, thrice, num_samples=50),
        ogr.bootstrap_weights(train, holdout, num_samples=50),
        rtol=1e-9,
    )


def test_order_of_heads_only_reorders_the_weights():
    train, holdout = losses(seed=1, gain=0.2), losses(seed=2)
    order = [2, 0, 1]

    def reordered(part):
        return Losses(part.start[:, order], part.end[:, order], part.weight)

    np.testing.assert_allclose(
        weights_of(reordered(train), reordered(holdout)),
        weights_of(train, holdout)[order],
    )


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_all_losses_times_a_constant_leave_the_weights(factor):
    train, holdout = losses(seed=1, gain=0.2), losses(seed=2)

    def scaled(part):
        return Losses(part.start * factor, part.end * factor, part.weight)

    np.testing.assert_allclose(
        weights_of(scaled(train), scaled(holdout)), weights_of(train, holdout)
    )


def test_weights_sum_to_one_and_respect_the_floor():
    rng = np.random.default_rng(0)
    for _ in range(50):
        gained, added = rng.normal(size=(2, 4))
        weights = ogr.blend_weights(gained, added, floor=0.05)
        assert weights.sum() == pytest.approx(1)
        assert weights.min() >= 0.05 / (1 + 4 * 0.05)


def test_intervals_hold_the_weight_and_narrow_with_more_examples():
    def interval(num_examples):
        train = losses(num_examples, seed=1, gain=0.2)
        holdout = losses(num_examples, seed=2)
        low, high = ogr.weight_intervals(
            ogr.bootstrap_weights(train, holdout)
        ).T
        weights = weights_of(train, holdout)
        assert (low <= weights).all() and (weights <= high).all()
        return high - low

    assert (interval(2000) < 0.5 * interval(50)).all()


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (([0.1], [0.1, 0.2]), "Pass G and O of the same heads."),
        (([np.nan, 1.0], [0.1, 0.2]), "lower the learning rate."),
    ],
)
def test_bad_measurements_are_refused(arguments, advice):
    with pytest.raises(ValueError, match=advice):
        ogr.blend_weights(*arguments)


def test_floor_that_leaves_no_room_is_refused():
    with pytest.raises(ValueError, match="Choose a smaller floor."):
        ogr.blend_weights([0.1, 0.1], [0.1, 0.1], floor=0.5)


def test_losses_that_are_not_finite_are_refused():
    bad = losses()
    bad.end[0, 0] = np.inf
    with pytest.raises(ValueError, match="check the features."):
        ogr.measure(bad, losses())


def test_empty_holdout_is_refused():
    empty = Losses(np.ones((0, 3)), np.ones((0, 3)), np.ones(0))
    with pytest.raises(ValueError, match="Hold out more examples."):
        ogr.measure(losses(), empty)


def test_estimate_survives_json_and_says_when_it_is_uniform():
    estimate = BlendEstimate(
        epoch=3,
        num_epochs=2,
        weights={"rgb": 0.6, "joint": 0.4},
        generalization={"rgb": 0.1, "joint": 0.2},
        overfitting={"rgb": 0.1, "joint": 0.2},
        overfitting_error={"rgb": 0.01, "joint": 0.01},
        ogr={"rgb": 1.0, "joint": None},
        intervals={"rgb": (0.4, 0.8), "joint": (0.2, 0.6)},
        kept_previous=False,
        measure="loss",
        num_holdout=10,
        num_passes=2,
        examples_trained=100,
        seconds=1.5,
    )
    again = BlendEstimate.from_json(estimate.to_json())
    assert again == estimate
    assert estimate.cannot_be_told_from_uniform
    lines = estimate.summary().splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 80
    assert (
        lines[-1].strip() == "These weights cannot be told from uniform ones."
    )


def test_history_entry_without_a_field_is_refused():
    with pytest.raises(ValueError, match="Start the run in a new folder."):
        BlendEstimate.from_json({"epoch": 1})
