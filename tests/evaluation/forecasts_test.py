"""Reliability diagrams, calibration errors, negative log-likelihoods."""

import numpy as np
import pytest

from gblend_keras.evaluation import forecasts


def test_calibration_error_of_two_bins():
    # Confidences 0.6 (right), 0.8 (wrong), 1.0 (right): all in (0.5, 1].
    #   |2 - (0.6 + 0.8 + 1.0)| = 0.4; and 0.4 (right), in (0, 0.5]: 0.6.
    #   (0.4 + 0.6) / 4 = 0.25
    probabilities = [
        [0.6, 0.2, 0.2],
        [0.8, 0.1, 0.1],
        [0.0, 1.0, 0.0],
        [0.3, 0.3, 0.4],
    ]
    found = forecasts.expected_calibration_error(
        probabilities, [0, 1, 1, 2], num_bins=2
    )
    assert found == pytest.approx(0.25)


def test_edge_of_a_bin_belongs_to_the_bin_below():
    # 0.5 (wrong) lies in (0, 0.5], 0.9 (right) in (0.5, 1]:
    #   (|0 - 0.5| + |1 - 0.9|) / 2 = 0.3. In one bin: |1 - 1.4| / 2 = 0.2.
    rows = [[0.5, 0.5], [0.1, 0.9]]
    both = [forecasts.expected_calibration_error(rows, [1, 1], num_bins=2)]
    both += [forecasts.expected_calibration_error(rows, [1, 1], num_bins=1)]
    assert both == pytest.approx([0.3, 0.2])


def test_calibration_of_multi_hot_labels_takes_every_probability():
    # (0, 0.5]: 0.2 (no), 0.4 (yes): |1 - 0.6| = 0.4.
    # (0.5, 1]: 0.9 (yes), 0.7 (no): |1 - 1.6| = 0.6. (0.4 + 0.6) / 4 = 0.25
    found = forecasts.expected_calibration_error(
        [[0.2, 0.9], [0.4, 0.7]], np.array([[0, 1], [1, 0]]), num_bins=2
    )
    assert found == pytest.approx(0.25)


def test_bins_hold_count_confidence_and_accuracy():
    # (0, 0.5]: 0.4 (right). (0.5, 1]: 0.6 (right), 0.8 (wrong).
    probabilities = [[0.6, 0.2, 0.2], [0.8, 0.1, 0.1], [0.3, 0.3, 0.4]]
    found = forecasts.reliability(probabilities, [0, 1, 2], num_bins=2)
    assert found.num_forecasts.tolist() == [1, 2]
    assert found.confidence == pytest.approx([0.4, 0.7])
    assert found.accuracy == pytest.approx([1.0, 0.5])


def test_empty_bin_has_no_mean_and_adds_no_error():
    found = forecasts.reliability([[1.0, 0.0]], [0], num_bins=3)
    assert np.isnan(found.confidence).tolist() == [True, True, False]
    assert found.error == 0.0


def test_negative_log_likelihood_by_hand():
    # -(log 0.5 + log 0.25) / 2 = 1.0397
    found = forecasts.negative_log_likelihood(
        [[0.5, 0.5], [0.25, 0.75]], [1, 0]
    )
    assert found == pytest.approx(1.5 * np.log(2))
    # p of what is: 0.5, 1 - 0.75, the same.
    hot = forecasts.negative_log_likelihood([[0.5, 0.75]], [[1, 0]])
    assert hot == pytest.approx(1.5 * np.log(2))


def test_probability_of_zero_costs_a_bounded_loss():
    found = forecasts.negative_log_likelihood([[1.0, 0.0]], [1])
    assert found == pytest.approx(-np.log(1e-7))
