"""Metrics against numbers worked out by hand."""

import sys

import numpy as np
import pytest

from gblend_keras.evaluation import metrics


def test_rank_counts_the_classes_before_the_true_one():
    # Row 0: 0.5 > 0.3 > 0.2, so class 2 (0.3) is second: rank 1.
    # Row 1: class 0 has the largest score: rank 0.
    scores = [[0.5, 0.2, 0.3], [0.6, 0.3, 0.1]]
    assert metrics.true_class_rank(scores, [2, 0]).tolist() == [1, 0]


def test_of_equal_scores_the_smaller_class_comes_first():
    # All equal: class 0 first, then 1, then 2, as argmax does.
    scores = np.full((3, 3), 1 / 3)
    assert metrics.true_class_rank(scores, [0, 1, 2]).tolist() == [0, 1, 2]
    assert metrics.top_k_accuracy(scores, [0, 1, 2]) == pytest.approx(1 / 3)


def test_top_k_is_the_share_of_true_classes_among_the_first_k():
    # Ranks of the truth: 0, 1, 2, 1 -> top-1 1/4, top-2 3/4, top-3 4/4.
    scores = [
        [0.7, 0.2, 0.1],
        [0.7, 0.2, 0.1],
        [0.7, 0.2, 0.1],
        [0.1, 0.5, 0.4],
    ]
    y = [0, 1, 2, 2]
    assert metrics.top_k_accuracy(scores, y, k=1) == 0.25
    assert metrics.top_k_accuracy(scores, y, k=2) == 0.75
    assert metrics.top_k_accuracy(scores, y, k=3) == 1.0
    assert metrics.top_k_accuracy(scores, y, k=5) == 1.0  # 3 classes


def test_accuracy_of_a_summary_counts_every_label_of_multi_hot_rows():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert metrics.label_accuracy(probabilities, np.array([0, 0])) == 0.5
    # By hand: (1, 0) and (0, 1) are said; three of four labels are right.
    hot = np.array([[1, 0], [1, 1]])
    assert metrics.label_accuracy(probabilities, hot) == 0.75


def test_top_k_below_one_is_refused():
    with pytest.raises(ValueError, match="Use 1 for the first answer alone."):
        metrics.top_k_accuracy([[1.0]], [0], k=0)


# Class 0, sorted by score: 0.9 (+), 0.8 (-), 0.7 (+), 0.1 (-).
#   precision at the positives: 1/1 and 2/3 -> AP = (1 + 2/3) / 2 = 5/6.
#   pairs (+, -): 0.9>0.8, 0.9>0.1, 0.7<0.8, 0.7>0.1 -> AUC = 3/4.
# Class 1, sorted: 0.9 (-), 0.6 (+), 0.4 (-), 0.2 (-).
#   AP = 1/2; the positive beats 2 of 3 negatives -> AUC = 2/3.
# Class 2 has no positive. Class 3 has no negative: AP = 1, no AUC.
SCORES = np.array(
    [
        [0.9, 0.6, 0.5, 0.5],
        [0.8, 0.9, 0.1, 0.4],
        [0.7, 0.4, 0.3, 0.3],
        [0.1, 0.2, 0.2, 0.2],
    ]
)
HOT = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]])


def test_average_precision_leaves_out_classes_without_a_positive():
    found = metrics.average_precision(SCORES, HOT)
    np.testing.assert_allclose(found.values, [5 / 6, 1 / 2, np.nan, 1.0])
    # (5/6 + 1/2 + 1) / 3 = 7/9
    assert found.mean == pytest.approx(7 / 9)
    assert found.num_left_out == 1


def test_area_under_curve_leaves_out_classes_without_two_sides():
    found = metrics.area_under_curve(SCORES, HOT)
    np.testing.assert_allclose(found.values, [3 / 4, 2 / 3, np.nan, np.nan])
    # (3/4 + 2/3) / 2 = 17/24
    assert found.mean == pytest.approx(17 / 24)
    assert found.num_left_out == 2


def test_equal_scores_give_half_an_area():
    hot = np.array([[1], [0], [0], [1]])
    found = metrics.area_under_curve(np.full((4, 1), 0.5), hot)
    assert found.mean == 0.5
    # One threshold with everything above it: precision 2/4.
    assert metrics.average_precision(np.full((4, 1), 0.5), hot).mean == 0.5


def test_without_any_class_there_is_no_mean():
    found = metrics.average_precision(SCORES[:, :1], np.zeros((4, 1)))
    assert np.isnan(found.mean)
    assert found.num_left_out == 1


def test_d_prime_is_the_normal_quantile_times_the_root_of_two():
    assert metrics.d_prime(0.5) == 0.0
    # The normal distribution has 0.841344746 of its mass below 1.
    assert metrics.d_prime(0.841344746) == pytest.approx(2**0.5, rel=1e-6)
    assert metrics.d_prime(1.0) == np.inf


def test_confusion_matrix_has_true_classes_in_rows():
    # True 0 -> answered 0 and 2; true 2 -> answered 1; no example of 1.
    scores = [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]]
    counts = metrics.confusion_matrix(scores, [0, 0, 2], 3)
    assert counts.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    found = metrics.class_accuracy(counts)
    # Class 0: 1 of 2; class 1: left out; class 2: 0 of 1. Mean 1/4.
    np.testing.assert_array_equal(found.values, [0.5, np.nan, 0.0])
    assert (found.mean, found.num_left_out) == (0.25, 1)


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("sklearn", lambda: metrics.average_precision(SCORES, HOT)),
        ("sklearn", lambda: metrics.area_under_curve(SCORES, HOT)),
        ("scipy", lambda: metrics.d_prime(0.7)),
    ],
)
def test_missing_library_is_named_with_its_remedy(monkeypatch, package, call):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=r'pip install "gblend_keras\[eval\]"'
    ):
        call()


def test_largest_changes_leave_out_classes_without_examples():
    improved, dropped = metrics.largest_changes(
        [0.25, None, -0.5, 0.5, 0.0], ["a", "b", "c", "d", "e"], most=1
    )
    assert improved == [("d", 0.5)]
    assert dropped == [("c", -0.5)]
