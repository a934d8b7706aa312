"""Means, intervals, paired tests and their correction. No Keras, no I/O."""

import math
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from gblend_keras import config
from gblend_keras.utils import optional

COVERAGE = 0.95
TESTS = ("t", "wilcoxon")
# Below, a t-test of the usual differences finds nothing: t must be > 3.2 with
# 4 pairs and > 12.7 with 2.
FEW_PAIRS = 5
# Below, even pairs that all agree give the signed-rank test p > 0.05.
FEW_PAIRS_WILCOXON = 6


class Spread(NamedTuple):
    """Mean and spread of the runs of one answer.

    Attributes:
        num_runs: Runs.
        mean: Their mean.
        deviation: Their standard deviation (n - 1); None for one run.
        interval: 95 % interval of the mean; None for one run.
    """

    num_runs: int
    mean: float
    deviation: float | None
    interval: tuple[float, float] | None


class Difference(NamedTuple):
    """Paired difference of one answer to the baseline's.

    Attributes:
        num_pairs: Seeds that both have finished.
        mean: Mean difference, positive where the answer is better.
        deviation: Standard deviation of the differences; None for one pair.
        interval: 95 % interval of the mean difference; None for one pair.
        p_value: Two-sided, not corrected; None where no test can be made.
        note: Why there is no test, or why it says little; else "".
    """

    num_pairs: int
    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    note: str


def spread(values: Sequence[float]) -> Spread:
    """Computes mean, standard deviation and 95 % interval of the mean.

        mean +- t(0.975, n - 1) * deviation / sqrt(n)

    Args:
        values: One value a run; at least one.

    Returns:
        The spread, in the unit of the values.

    Raises:
        ValueError: If there is no value.
    """
    if not values:
        raise ValueError(
            "`values` is empty. Expected at least one finished run. "
            "Received: values=[]. Leave out what has no run."
        )
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Spread(len(values), mean, None, None)
    deviation = statistics.stdev(values)
    quantile = _stats().t.ppf((1 + COVERAGE) / 2, len(values) - 1)
    margin = float(quantile) * deviation / math.sqrt(len(values))
    return Spread(len(values), mean, deviation, (mean - margin, mean + margin))


def paired_difference(
    values: Mapping[str, float],
    baseline: Mapping[str, float],
    *,
    test: str = "t",
) -> Difference | None:
    """Compares the runs of an answer with the baseline's, seed by seed.

    A seed fixes initialisation, order and holdout, so differences of the same
    seed vary less than the accuracies do.

    Args:
        values: `{seed: accuracy}`.
        baseline: `{seed: accuracy}`; only seeds that are in both count.
        test: "t" for the paired t-test, "wilcoxon" for the signed-rank test,
            which supposes no normal distribution and needs more seeds.

    Returns:
        The difference; None if no seed is in both.

    Raises:
        ValueError: If the test is unknown.
    """
    config.check_choice("test", test, TESTS)
    shared = [seed for seed in values if seed in baseline]
    if not shared:
        return None
    differences = [values[seed] - baseline[seed] for seed in shared]
    found = spread(differences)
    p_value = _p_value(differences, test)
    return Difference(
        num_pairs=found.num_runs,
        mean=found.mean,
        deviation=found.deviation,
        interval=found.interval,
        p_value=p_value,
        note=_note(differences, p_value, test),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for being several (Holm's step-down method).

    The smallest of m is multiplied by m, the next by m - 1, and so on; none
    is taken as smaller than the one before it, nor as larger than 1.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values: Of all comparisons that one table makes.

    Returns:
        The corrected p-values, in the same order.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(order):
        scaled = min(1.0, (len(p_values) - rank) * p_values[place])
        largest = max(largest, scaled)
        corrected[place] = largest
    return corrected


def check_installed() -> None:
    """Raises unless SciPy is there: before hours of training, not after.

    Raises:
        ImportError: If it is not.
    """
    _stats()


def _p_value(differences: Sequence[float], test: str) -> float | None:
    if len(differences) < 2:
        return None
    if max(differences) - min(differences) < 1e-12:
        # Without any spread a t-test would claim certainty.
        return 1.0 if abs(differences[0]) < 1e-12 else None
    if test == "t":
        zeros = [0.0] * len(differences)
        return float(_stats().ttest_rel(differences, zeros).pvalue)
    # Rounded makes equal what is equal, so that ties are seen as ties.
    rounded = [round(value, 12) for value in differences]
    return float(_stats().wilcoxon(rounded).pvalue)


def _note(
    differences: Sequence[float], p_value: float | None, test: str
) -> str:
    count = len(differences)
    if count < 2:
        return "one pair: no test"
    if p_value is None:
        return f"{count} equal differences: no test"
    if test == "wilcoxon" and count < FEW_PAIRS_WILCOXON:
        return f"{count} pairs: p cannot be below {2 / 2**count:.2g}"
    if test == "t" and count < FEW_PAIRS:
        return f"{count} pairs: too few to tell small differences"
    return ""


def _stats() -> Any:
    return optional.load("scipy.stats", extra="eval", purpose="A comparison")
