"""Holdouts: stratified, whole groups, folds, and clear refusals."""

import numpy as np
import pytest

from gblend_keras.data import holdout


def test_each_class_gives_its_share():
    y = np.repeat([0, 1, 2], [100, 50, 10])
    held = holdout.holdout_indices(y, fraction=0.1, seed=3)
    # A tenth of 100, 50 and 10.
    assert np.bincount(y[held]).tolist() == [10, 5, 1]
    assert len(np.unique(held)) == len(held)


def test_rounding_keeps_the_fraction_over_all_classes():
    y = np.repeat(np.arange(20), 7)
    held = holdout.holdout_indices(y, fraction=0.2, seed=0)
    # 140 / 5 = 28; a class gives 1 or 2 of its 7.
    assert len(held) == 28
    assert set(np.bincount(y[held])) == {1, 2}


def test_small_class_gives_at_least_one_and_keeps_one():
    y = np.repeat([0, 1], [50, 2])
    for fraction in (0.02, 0.9):
        held = holdout.holdout_indices(y, fraction=fraction)
        assert np.sum(y[held] == 1) == 1


def test_groups_stay_whole():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    groups = rng.integers(0, 8, 200)
    held = holdout.holdout_indices(y, fraction=0.25, groups=groups, seed=1)
    rest = np.setdiff1d(np.arange(200), held)
    assert not set(groups[held]) & set(groups[rest])
    assert 0.1 < len(held) / 200 < 0.4


def test_one_of_four_equal_groups_is_a_quarter():
    groups = np.repeat(["a", "b", "c", "d"], 6)
    y = np.tile([0, 1, 2], 8)
    held = holdout.holdout_indices(y, fraction=0.25, groups=groups)
    assert len(set(groups[held])) == 1 and len(held) == 6


def people():
    """Eight people with all of six classes, and eight with one of them."""
    y = np.concatenate([np.tile(np.arange(6), 8 * 3), np.zeros(8 * 5, int)])
    groups = np.concatenate(
        [np.repeat(np.arange(8), 18), np.repeat(np.arange(8, 16), 5)]
    )
    return y, groups


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("multi_hot", [False, True])
def test_groups_that_together_have_every_class_are_held_out(seed, multi_hot):
    y, groups = people()
    labels = np.eye(6, dtype=int)[y] if multi_hot else y
    # A tenth of 184: 18.4, which one person of the first kind meets alone, or
    # four of the second, who leave five classes out.
    held = holdout.holdout_indices(
        labels, fraction=0.1, groups=groups, seed=seed
    )
    assert set(y[held]) == set(range(6))
    assert set(np.delete(y, held)) == set(range(6))
    assert 0.05 < len(held) / len(y) < 0.2


def test_first_draw_stays_where_every_class_is_on_both_sides():
    y, groups = np.tile(np.arange(3), 40), np.repeat(np.arange(10), 12)
    for seed in range(5):
        held = holdout.holdout_indices(
            y, fraction=0.2, groups=groups, seed=seed
        )
        # Equal groups: the fraction is met by the first two of the order.
        first = np.random.default_rng(seed).permutation(10)[:2]
        assert set(groups[held]) == set(first)


def test_class_of_one_group_alone_stays_in_the_rest():
    y, groups = np.tile([0, 1], 20), np.repeat(np.arange(8), 5)
    y = np.where(groups == 3, 2, y)
    for seed in range(20):
        held = holdout.holdout_indices(
            y, fraction=0.13, groups=groups, seed=seed
        )
        assert set(y[held]) == {0, 1}


def test_multi_hot_labels_are_divided_by_their_rarest_label():
    rng = np.random.default_rng(0)
    y = (rng.random((300, 4)) < [0.5, 0.3, 0.1, 0.03]).astype(int)
    held = holdout.holdout_indices(y, fraction=0.2, seed=0)
    share = y[held].sum(axis=0) / y.sum(axis=0)
    assert (np.abs(share - 0.2) < 0.1).all()


def test_seed_decides_the_choice():
    y = np.repeat([0, 1], 50)
    first = holdout.holdout_indices(y, fraction=0.2, seed=1)
    again = holdout.holdout_indices(y, fraction=0.2, seed=1)
    other = holdout.holdout_indices(y, fraction=0.2, seed=2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(6), 10)])
def test_folds_cover_every_example_once(groups):
    y = np.tile([0, 1, 2], 20)
    folds = holdout.fold_indices(y, folds=3, groups=groups, seed=0)
    together = np.concatenate(folds)
    assert sorted(together) == list(range(60))
    for fold in folds:
        assert np.bincount(y[fold]).min() > 0
        if groups is not None:
            rest = np.setdiff1d(np.arange(60), fold)
            assert not set(groups[fold]) & set(groups[rest])


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (
            lambda: holdout.holdout_indices([0, 1, 1, 0], fraction=1.0),
            "The paper uses 0.08 to 0.13.",
        ),
        (
            lambda: holdout.holdout_indices([0, 0, 1], fraction=0.3),
            "or hold out whole groups.",
        ),
        (
            lambda: holdout.holdout_indices(
                [[1, 0], [1, 0], [1, 1]], fraction=0.3
            ),
            "Drop the label or add examples.",
        ),
        (
            lambda: holdout.holdout_indices(
                [0, 1, 0], fraction=0.3, groups=[7, 7, 7]
            ),
            "to divide at random.",
        ),
        (
            lambda: holdout.holdout_indices(
                [0, 1, 0], fraction=0.3, groups=[7, 8]
            ),
            "in the order of the dataset.",
        ),
        (
            lambda: holdout.holdout_indices(
                [0, 0, 1, 2], fraction=0.4, groups=[1, 1, 2, 3]
            ),
            "Choose another seed or fraction.",
        ),
        (
            lambda: holdout.fold_indices([0, 1, 0, 1], folds=3),
            "Choose fewer folds.",
        ),
        (
            lambda: holdout.fold_indices(
                [0, 1, 0, 1], folds=3, groups=[1, 1, 2, 2]
            ),
            "Choose fewer folds.",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused(call, advice):
    with pytest.raises(ValueError, match=advice):
        call()
