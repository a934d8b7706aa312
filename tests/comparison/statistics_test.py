"""Statistics by hand."""

import sys

import pytest

from gblend_keras.comparison import statistics


def test_spread_of_three_runs_by_hand():
    # Mean 0.7; deviations -0.1, 0, 0.1 -> variance 0.02 / 2 = 0.01.
    # t(0.975, 2) = 4.30265; margin 4.30265 * 0.1 / sqrt(3) = 0.24841.
    found = statistics.spread([0.6, 0.7, 0.8])
    assert found.num_runs == 3
    assert found.mean == pytest.approx(0.7)
    assert found.deviation == pytest.approx(0.1)
    assert found.interval == pytest.approx((0.45159, 0.94841), abs=1e-5)


def test_one_run_has_neither_deviation_nor_interval():
    assert statistics.spread([0.5]) == (1, 0.5, None, None)


def test_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="Leave out what has no run."):
        statistics.spread([])


def test_paired_difference_by_hand():
    # Differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1,
    # t = 0.2 / (0.1 / sqrt(3)) = 3.4641; with 2 degrees of freedom
    # p = 1 - t / sqrt(2 + t**2) = 1 - 3.4641 / sqrt(14) = 0.07418.
    found = statistics.paired_difference(
        {"0": 0.6, "1": 0.7, "2": 0.8}, {"2": 0.5, "1": 0.5, "0": 0.5}
    )
    assert found.num_pairs == 3
    assert found.mean == pytest.approx(0.2)
    assert found.deviation == pytest.approx(0.1)
    assert found.p_value == pytest.approx(0.07418, abs=1e-5)
    assert found.interval == pytest.approx((-0.04841, 0.44841), abs=1e-5)
    assert found.note == "3 pairs: too few to tell small differences"


def test_only_seeds_that_both_have_are_paired():
    # Seed 0 of the baseline failed, seed 3 of the method.
    found = statistics.paired_difference(
        {"0": 0.9, "1": 0.7, "2": 0.8}, {"1": 0.5, "2": 0.5, "3": 0.1}
    )
    assert found.num_pairs == 2
    assert found.mean == pytest.approx(0.25)
    assert statistics.paired_difference({"0": 0.5}, {"1": 0.5}) is None


def test_what_cannot_be_tested_says_why():
    one = statistics.paired_difference({"0": 0.6}, {"0": 0.5})
    assert one.p_value is None and one.note == "one pair: no test"
    same = statistics.paired_difference(
        {"0": 0.5, "1": 0.6}, {"0": 0.5, "1": 0.6}
    )
    assert same.p_value == 1.0
    # Both better by 0.1: without spread, a t-test would claim p = 0.
    shifted = statistics.paired_difference(
        {"0": 0.5, "1": 0.6}, {"0": 0.4, "1": 0.5}
    )
    assert shifted.p_value is None
    assert shifted.note == "2 equal differences: no test"


def test_signed_rank_test_by_hand():
    # Six positive differences: p = 2 / 2**6.
    values = {str(seed): 0.5 + 0.01 * (seed + 1) for seed in range(6)}
    baseline = dict.fromkeys(values, 0.5)
    found = statistics.paired_difference(values, baseline, test="wilcoxon")
    assert found.p_value == pytest.approx(2 / 64)
    assert found.note == ""
    del values["0"]
    fewer = statistics.paired_difference(values, baseline, test="wilcoxon")
    assert fewer.p_value == pytest.approx(2 / 32)
    assert fewer.note == "5 pairs: p cannot be below 0.062"


@pytest.mark.parametrize("shift", [0.0, 0.02])
def test_signed_rank_test_takes_ties_and_zeros(shift):
    values = {"0": 0.5 + shift, "1": 0.52, "2": 0.54, "3": 0.52, "4": 0.48}
    baseline = dict.fromkeys(values, 0.5)
    found = statistics.paired_difference(values, baseline, test="wilcoxon")
    assert 0 < found.p_value <= 1


def test_unknown_test_is_refused():
    with pytest.raises(ValueError, match="Choose one of them."):
        statistics.paired_difference({}, {}, test="z")


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04 -> 3 * 0.01, 2 * 0.03, max(0.06, 1 * 0.04).
    found = statistics.holm([0.01, 0.04, 0.03])
    assert found == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_holm_does_not_depend_on_the_order():
    values = [0.2, 0.001, 0.03, 0.03]
    corrected = dict(zip(values, statistics.holm(values), strict=True))
    again = statistics.holm(values[::-1])
    assert again == [corrected[value] for value in values[::-1]]


def test_missing_scipy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r'"gblend_keras\[eval\]"'):
        statistics.check_installed()
