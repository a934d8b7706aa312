"""How losses changed, by example and by group, by hand."""

import numpy as np

import gblend_keras as gb
from gblend_keras.blending import loss_changes
from gblend_keras.blending import ogr
from gblend_keras.blending.loss_changes import Losses


def losses(end, group=None, weight=None):
    """Losses of one head that began at 0."""
    end = np.asarray(end, float)[:, None]
    weight = np.ones(len(end)) if weight is None else np.asarray(weight, float)
    group = None if group is None else np.asarray(group)
    return Losses(np.zeros_like(end), end, weight, group)


def test_mean_does_not_depend_on_groups_but_its_error_does():
    end = [1.0, 1.1, 3.0, 3.1]
    by_example = loss_changes.changes(losses(end))
    by_group = loss_changes.changes(losses(end, [0, 0, 1, 1]))
    np.testing.assert_allclose(by_group.mean, by_example.mean)
    # Two groups at 1.05 and 3.05: deviations of 1, (1 + 1) / 4 * 2 / 1.
    np.testing.assert_allclose(by_group.squared_error, [1.0])
    assert by_example.squared_error < 0.4


def test_groups_of_unequal_weight_count_by_their_weight():
    by_group = loss_changes.changes(
        losses([1.0, 2.0, 6.0], ["a", "a", "b"], [1.0, 1.0, 2.0])
    )
    np.testing.assert_allclose(by_group.change, [[1.5], [6.0]])
    np.testing.assert_allclose(by_group.weight, [0.5, 0.5])


def test_single_group_is_measured_by_its_examples():
    end = [1.0, 2.0, 4.0]
    one = loss_changes.changes(losses(end, [7, 7, 7]))
    np.testing.assert_allclose(
        one.squared_error, loss_changes.changes(losses(end)).squared_error
    )


def test_intervals_by_group_are_wider_where_examples_of_a_group_agree():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(8), 10)
    person = rng.normal(size=(8, 2)).repeat(10, axis=0)
    end = 1 - 0.3 * person + 0.05 * rng.normal(size=(80, 2))
    alone = Losses(np.ones((80, 2)) * 2, end, np.ones(80))
    train = Losses(np.ones((80, 2)) * 2, np.full((80, 2), 0.5), np.ones(80))

    def width(holdout):
        drawn = ogr.bootstrap_weights(train, holdout, num_samples=200)
        return np.diff(ogr.weight_intervals(drawn)).max()

    assert width(alone._replace(group=group)) > 1.5 * width(alone)


def test_groups_of_the_holdout_reach_the_estimate():
    x, y = {"a": np.zeros((12, 2)), "b": np.zeros((12, 3))}, np.arange(12) % 2
    people = np.repeat(["x", "y", "z"], 4)
    data = gb.split_holdout((x, y), 0.3, groups=people, seed=0)
    (division,) = gb.GradientBlending(data)._divisions
    of_sample, of_holdout = division.groups
    assert len(set(of_holdout)) == 1 and len(of_holdout) == 4
    assert set(of_sample) & set(of_holdout) == set()
    random = gb.split_holdout((x, y), 0.3, seed=0)
    assert gb.GradientBlending(random)._divisions[0].groups == (None, None)
