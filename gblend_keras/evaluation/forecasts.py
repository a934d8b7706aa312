"""Forecasts of one answer: how far their probabilities can be believed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.evaluation.metrics import FloatArray
from gblend_keras.evaluation.metrics import IntArray

_SMALLEST = 1e-7  # a probability of 0 costs as much as this one


class Reliability(NamedTuple):
    """Forecasts by confidence: a bar a bin in a reliability diagram.

    Attributes:
        num_forecasts: In each of the B bins, shape `(B,)`.
        confidence: Their mean probability; NaN in an empty bin.
        accuracy: The share of them that came true; NaN in an empty bin.
    """

    num_forecasts: IntArray
    confidence: FloatArray
    accuracy: FloatArray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap, by forecast."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(self.num_forecasts @ gaps / self.num_forecasts.sum())


def reliability(
    probabilities: npt.ArrayLike, y: npt.ArrayLike, *, num_bins: int = 15
) -> Reliability:
    """Counts how often forecasts of each confidence come true.

    Bins are `((b - 1) / B, b / B]`. The forecast of an example is its likeliest
    class; for multi-hot labels every probability is a forecast of its own.

    Source: Guo, Pleiss, Sun & Weinberger, ICML 2017, section 2, with its 15
    bins. Ours: the form for multi-hot labels.

    Args:
        probabilities: Shape `(N, classes)`.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.
        num_bins: Bins of equal width, at least 1.

    Example:
        >>> import gblend_keras as gb
        >>> sure = [[0.9, 0.1], [0.9, 0.1]]  # and half right
        >>> found = gb.evaluation.reliability(sure, [0, 1], num_bins=2)
        >>> found.num_forecasts.tolist(), found.accuracy.tolist()[1]
        ([0, 2], 0.5)
    """
    values, labels = np.asarray(probabilities, np.float64), np.asarray(y)
    if labels.ndim == 2:
        confidence, right = values.ravel(), labels.ravel() > 0.5
    else:
        confidence = values.max(axis=1)
        right = values.argmax(axis=1) == labels
    bins = np.ceil(confidence * num_bins).astype(np.int64) - 1
    bins = np.clip(bins, 0, num_bins - 1)  # 0 belongs to the first
    count = np.bincount(bins, minlength=num_bins)
    means = [
        np.full(num_bins, np.nan),
        np.full(num_bins, np.nan),
    ]
    for mean, each in zip(means, (confidence, right), strict=True):
        total = np.bincount(bins, weights=each, minlength=num_bins)
        np.divide(total, count, out=mean, where=count > 0)
    return Reliability(count, *means)


def expected_calibration_error(
    probabilities: npt.ArrayLike, y: npt.ArrayLike, *, num_bins: int = 15
) -> float:
    """Computes how far confidence lies from accuracy, on average.

        ECE = sum_b (n_b / n) * |accuracy_b - confidence_b|

    Source: Guo, Pleiss, Sun & Weinberger, ICML 2017, Eq. 3. The bins are those
    of `reliability`.

    Args:
        probabilities: Shape `(N, classes)`.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.
        num_bins: Bins of equal width, at least 1.

    Example:
        >>> import gblend_keras as gb
        >>> probabilities = [[0.9, 0.1], [0.9, 0.1]]  # sure, and half right
        >>> error = gb.evaluation.expected_calibration_error(
        ...     probabilities, [0, 1]
        ... )
        >>> round(error, 2)
        0.4
    """
    return reliability(probabilities, y, num_bins=num_bins).error


def negative_log_likelihood(
    probabilities: npt.ArrayLike, y: npt.ArrayLike
) -> float:
    """Computes the mean loss of forecasts, in nats an example.

        NLL = mean(-log p(label))

    With multi-hot labels, of each label's binary forecast, mean over classes.

    Args:
        probabilities: Shape `(N, classes)`. 0 counts as 1e-7, as in Keras.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.

    Example:
        >>> import gblend_keras as gb
        >>> loss = gb.evaluation.negative_log_likelihood([[0.5, 0.5]], [1])
        >>> round(loss, 3)
        0.693
    """
    values, labels = np.asarray(probabilities, np.float64), np.asarray(y)
    if labels.ndim == 2:
        p = np.where(labels > 0.5, values, 1 - values)
    else:
        rows = labels[:, None].astype(np.int64)
        p = np.take_along_axis(values, rows, axis=1)
    return float(-np.log(np.clip(p, _SMALLEST, None)).mean())
