"""Subsets of modalities and Shapley values, by hand."""

import pytest

from gblend_keras.evaluation import subsets


def test_every_subset_but_the_empty_one():
    assert subsets.all_subsets(["a", "b", "c"]) == [
        ("a",),
        ("b",),
        ("c",),
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
        ("a", "b", "c"),
    ]
    assert len(subsets.all_subsets("abcdefgh")) == 2**8 - 1


def test_too_many_modalities_are_refused():
    with pytest.raises(ValueError, match="Turn subsets off."):
        subsets.all_subsets("abcdefghi")


def test_shapley_value_of_two_modalities():
    # v() = 0.1, v(a) = 0.5, v(b) = 0.3, v(ab) = 0.6.
    # a: ((0.5 - 0.1) + (0.6 - 0.3)) / 2 = 0.35
    # b: ((0.3 - 0.1) + (0.6 - 0.5)) / 2 = 0.15; together 0.6 - 0.1.
    worth = {("a",): 0.5, ("b",): 0.3, ("a", "b"): 0.6}
    found = subsets.shapley_values(worth, ["a", "b"], empty=0.1)
    assert found == pytest.approx({"a": 0.35, "b": 0.15})


def test_shapley_value_of_three_modalities():
    # v(a) = 4, v(b) = 2, v(c) = 0, v(ab) = 6, v(ac) = 7, v(bc) = 2, v = 9.
    # a: 1/3 (4 - 0) + 1/6 (6 - 2) + 1/6 (7 - 0) + 1/3 (9 - 2) = 33/6
    # b: 1/3 (2 - 0) + 1/6 (6 - 4) + 1/6 (2 - 0) + 1/3 (9 - 7) = 12/6
    # c: 1/3 (0 - 0) + 1/6 (7 - 4) + 1/6 (2 - 2) + 1/3 (9 - 6) = 9/6
    worth = {
        ("a",): 4.0,
        ("b",): 2.0,
        ("c",): 0.0,
        ("a", "b"): 6.0,
        ("a", "c"): 7.0,
        ("b", "c"): 2.0,
        ("a", "b", "c"): 9.0,
    }
    found = subsets.shapley_values(worth, ["a", "b", "c"], empty=0.0)
    assert found == pytest.approx({"a": 5.5, "b": 2.0, "c": 1.5})
    assert sum(found.values()) == pytest.approx(9.0)


def test_single_modality_is_worth_everything_over_a_guess():
    found = subsets.shapley_values({("a",): 0.7}, ["a"], empty=0.2)
    assert found == pytest.approx({"a": 0.5})
