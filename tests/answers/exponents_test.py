"""Exponents of a pool: hand-computed, against finite differences, robust."""

import numpy as np
import pytest
from scipy import optimize

from gblend_keras.answers import exponents
from gblend_keras.answers import pool
from gblend_keras.answers.exponents import Heldout


def smoothed(logits, *, multi_label=False):
    return np.asarray(
        pool.evidence(np.asarray(logits), multi_label=multi_label)
    )


def held_out(
    num_examples,
    skills,
    *,
    num_classes=5,
    multi_label=False,
    seed=0,
    weight=None,
):
    """Heads whose logits are the truth, as much as each knows, and noise."""
    rng = np.random.default_rng(seed)
    if multi_label:
        labels = (rng.random((num_examples, num_classes)) < 0.5).astype(int)
        truth = 2.0 * labels - 1
    else:
        labels = rng.integers(num_classes, size=num_examples)
        truth = np.eye(num_classes)[labels]
    shape = (num_examples, len(skills), num_classes)
    logits = rng.normal(size=shape) * 2
    logits += truth[:, None] * np.array(skills)[:, None]
    evidence = smoothed(logits, multi_label=multi_label)
    weight = np.ones(num_examples) if weight is None else weight
    return Heldout(evidence, labels, weight)


def penalized(data, a, start, pull):
    away = a - start
    loss = data.weight @ exponents.losses(data, a) / data.weight.sum()
    return loss + pull / 2 * away @ away


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("num_classes", [2, 5, 40])
def test_exponents_are_those_of_a_general_optimizer(num_classes, multi_label):
    data = held_out(
        60, [3, 1, 0, 2], num_classes=num_classes, multi_label=multi_label
    )
    found = exponents.fit(data)
    mean = data._replace(evidence=data.evidence.mean(axis=1, keepdims=True))
    overall = optimize.minimize_scalar(
        lambda g: penalized(mean, np.array([g]), np.ones(1), 10 / 60 / 4),
        bounds=(0, 100),
        method="bounded",
        options={"xatol": 1e-9},
    ).x
    start = np.full(4, overall / 4)
    expected = optimize.minimize(
        lambda a: penalized(data, a, start, 10 / 60),
        start,
        bounds=[(0, None)] * 4,
        options={"ftol": 1e-14, "gtol": 1e-9},
    ).x
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_two_heads_of_two_classes_by_hand():
    """One example with weight: its loss and the pull can be written down."""
    # p = .8 and .6 for the true class; smoothed .785 and .595.
    logits = np.log([[[0.8, 0.2], [0.6, 0.4]]])
    evidence = smoothed(logits)
    np.testing.assert_allclose(
        np.exp(evidence), [[[0.785, 0.215], [0.595, 0.405]]], rtol=1e-6
    )
    data = Heldout(evidence, np.array([0]), np.array([1.0]))
    odds = np.log([0.785 / 0.215, 0.595 / 0.405])
    a = exponents.fit(data)
    # At the least, 10 (a - a0) = sigmoid(-a . odds) odds.
    pull = 10 * (a - a[0]) - (odds - odds[0]) / (1 + np.exp(a @ odds))
    np.testing.assert_allclose(pull, 0, atol=1e-5)
    assert a[0] > a[1] > 0.5
    named = {"a": logits[:, 0], "b": logits[:, 1]}
    p = pool.pooled(named, {"a": 1.0, "b": 2.0}, multi_label=False)
    product = np.array([0.785 * 0.595**2, 0.215 * 0.405**2])
    np.testing.assert_allclose(p[0], product / product.sum(), rtol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_gradient_and_hessian_are_those_of_finite_differences(multi_label):
    data = held_out(7, [1, 2, 0], multi_label=multi_label)
    a = np.array([0.3, 0.8, 0.1])
    loss, slope, curvature = exponents._terms(data, a)
    np.testing.assert_allclose(loss, exponents.losses(data, a))
    for head in range(3):
        step = np.zeros(3)
        step[head] = 1e-5
        above, below = (exponents._terms(data, a + s) for s in (step, -step))
        np.testing.assert_allclose(
            slope[:, head], (above[0] - below[0]) / 2e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            curvature[:, head], (above[1] - below[1]) / 2e-5, atol=1e-5
        )


@pytest.mark.parametrize("multi_label", [False, True])
def test_useless_heads_get_nothing_within_the_noise(multi_label):
    data = held_out(4000, [3, 0], multi_label=multi_label)
    rng = np.random.default_rng(1)
    shuffled = data.evidence[rng.permutation(4000), :1]
    constant = np.broadcast_to(data.evidence[:1, :1], shuffled.shape)
    data = data._replace(
        evidence=np.concatenate([data.evidence, shuffled, constant], axis=1)
    )
    good, *useless = exponents.fit(data)
    assert good > 0.8
    assert max(useless) < 0.05 * good


def test_two_copies_share_what_one_would_get():
    data = held_out(4000, [2, 1])
    alone = exponents.fit(data)
    twice = data._replace(evidence=data.evidence[:, [0, 0, 1]])
    first, second, other = exponents.fit(twice)
    assert first == pytest.approx(second)
    assert first + second == pytest.approx(alone[0], abs=0.01)
    assert other == pytest.approx(alone[1], abs=0.01)


def test_constant_added_to_logits_changes_nothing():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, 3, 4))
    shifted = logits + rng.normal(size=(50, 3, 1))
    np.testing.assert_allclose(smoothed(logits), smoothed(shifted), rtol=1e-5)
    evidence, labels = smoothed(logits), rng.integers(4, size=50)
    moved = evidence + rng.normal(size=(50, 3, 1)).astype(np.float32)
    plain, other = (
        exponents.fit(Heldout(each, labels, np.ones(50)))
        for each in (evidence, moved)
    )
    np.testing.assert_allclose(plain, other, atol=1e-5)


def test_permuted_heads_have_permuted_exponents():
    data = held_out(80, [3, 0, 1])
    order = [2, 0, 1]
    permuted = data._replace(evidence=data.evidence[:, order])
    np.testing.assert_allclose(
        exponents.fit(data)[order], exponents.fit(permuted), atol=1e-6
    )


def test_pull_of_the_prior_vanishes_with_more_data(monkeypatch):
    def moved(num_examples):
        data = held_out(num_examples, [2, 1])
        monkeypatch.setattr(exponents, "PRIOR", 10.0)
        drawn = exponents.fit(data)
        monkeypatch.setattr(exponents, "PRIOR", 1e-3)
        return np.abs(exponents.fit(data) - drawn).max()

    few, some, many = map(moved, (20, 400, 20_000))
    assert few > 10 * some > 100 * many
    # The truth of the generator is known: the noise of both is alike.
    a = exponents.fit(held_out(50_000, [2, 1]))
    assert a[0] / a[1] == pytest.approx(2, rel=0.15)


def test_head_that_rules_the_truth_out_costs_a_bounded_loss():
    logits = np.zeros((1, 2, 3))
    logits[0, 0] = [1e4, -1e4, -1e4]
    data = Heldout(smoothed(logits), np.array([1]), np.ones(1))
    (loss,) = exponents.losses(data, np.array([1.0, 1.0]))
    assert loss < -np.log(0.05 / 3) + 1e-6
    multi = smoothed([[[-1e4], [0.0]]], multi_label=True)
    data = Heldout(multi, np.array([[1]]), np.ones(1))
    (loss,) = exponents.losses(data, np.array([1.0, 1.0]))
    assert loss < -np.log(0.025) + 1e-6


def test_heads_that_are_always_right_have_finite_exponents():
    labels = np.arange(30) % 3
    logits = np.eye(3)[labels][:, None] * np.full((1, 2, 1), 50.0)
    a = exponents.fit(Heldout(smoothed(logits), labels, np.ones(30)))
    assert np.isfinite(a).all() and 0.5 < a.min() and a.max() < 20


@pytest.mark.parametrize("num_examples", [1, 2, 5])
def test_few_examples_and_absent_classes_stay_near_the_log_mean(num_examples):
    data = held_out(num_examples, [3, 1, 0], num_classes=1000)
    a = exponents.fit(data)
    assert np.isfinite(a).all()
    assert a.max() < 3 * a.mean()


def test_sample_weights_count_as_repeated_examples():
    data = held_out(40, [2, 0])
    times = np.arange(40) % 3
    repeated = np.repeat(np.arange(40), times)
    again = exponents.fit(data.of(repeated))
    weighted = exponents.fit(data._replace(weight=times.astype(float)))
    # Weights say less than as many examples: the prior pulls a little more.
    np.testing.assert_allclose(weighted, again, atol=0.1)
    scaled = exponents.fit(data._replace(weight=7.0 * times))
    np.testing.assert_allclose(weighted, scaled, atol=1e-6)
    with pytest.raises(ValueError, match="positive weight"):
        exponents.fit(data._replace(weight=np.zeros(40)))


def test_parts_of_the_examples_add_up(monkeypatch):
    data = held_out(90, [2, 0], num_classes=3)
    whole = exponents.fit(data)
    monkeypatch.setattr(exponents, "_CHUNK", 60)  # ten examples
    np.testing.assert_allclose(exponents.fit(data), whole, atol=1e-9)


@pytest.mark.parametrize("multi_label", [False, True])
def test_cross_validation_judges_outside_of_the_fit(multi_label):
    data = held_out(300, [2, 0, 0], multi_label=multi_label)
    found = exponents.cross_validate(data)
    a = exponents.fit(data)
    inside = exponents.losses(data, a).mean()
    assert found.num_folds == 5
    assert inside < found.loss < inside + 0.1
    fresh = held_out(20_000, [2, 0, 0], multi_label=multi_label, seed=1)
    assert found.loss == pytest.approx(
        exponents.losses(fresh, a).mean(), rel=0.15
    )
    assert 0.4 < found.accuracy < 1  # chance is 0.2, or 0.5


def test_cross_validation_keeps_groups_whole():
    data = held_out(60, [1, 1])
    people = np.arange(60) % 3
    assert exponents.cross_validate(data._replace(group=people)).num_folds == 3
    one = data._replace(group=np.zeros(60))
    assert exponents.cross_validate(one) is None


def test_exponents_from_shares_follow_them_and_sum_to_a_half_more_than_one():
    found = exponents.from_shares(np.array([0.8, 0.2, 0.0]))
    np.testing.assert_allclose(found, [1.2, 0.3, 0.0])
    np.testing.assert_allclose(exponents.from_shares(np.ones(3)), [0.5] * 3)
    # A head that is alone answers as it is.
    np.testing.assert_array_equal(exponents.from_shares([0.3]), [1.0])
