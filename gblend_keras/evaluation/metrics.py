"""Metrics of one head: probabilities and labels -> numbers.

Everything is computed in float64 and every example counts once.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.utils import optional

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Changes = list[tuple[str, float]]  # a class, and its gain or loss


class PerClass(NamedTuple):
    """A metric of every class, and its mean over the classes that have one.

    Attributes:
        mean: Unweighted mean over the classes that count; NaN without any.
        values: Shape `(classes,)`; NaN for a class that was left out.
        num_left_out: How many classes were left out.
    """

    mean: float
    values: FloatArray
    num_left_out: int


def per_class(values: FloatArray) -> PerClass:
    """Returns values with their mean; NaN marks a class that is left out."""
    kept = values[~np.isnan(values)]
    mean = float(kept.mean()) if len(kept) else float("nan")
    return PerClass(mean, values, len(values) - len(kept))


def true_class_rank(scores: npt.ArrayLike, y: npt.ArrayLike) -> IntArray:
    """Computes how many classes are ranked before the true one.

    Of equal scores the class with the smaller number comes first, as in
    `argmax`: top-1 is then what Keras calls accuracy and what the confusion
    matrix counts, and equal scores earn nothing by themselves.

    Args:
        scores: Shape `(N, classes)`.
        y: Integer labels `(N,)`.

    Returns:
        Shape `(N,)`, from 0 (the first answer) to classes - 1.
    """
    values = np.asarray(scores)
    labels = np.asarray(y, np.int64)
    truth = np.take_along_axis(values, labels[:, None], axis=1)
    earlier = np.arange(values.shape[1]) < labels[:, None]
    before = (values > truth) | ((values == truth) & earlier)
    ranks: IntArray = before.sum(axis=1)
    return ranks


def top_k_accuracy(
    scores: npt.ArrayLike, y: npt.ArrayLike, *, k: int = 1
) -> float:
    """Computes the share of examples with the true class among the first k.

    With no more than k classes this is 1. Ties: see `true_class_rank`.

    Args:
        scores: Shape `(N, classes)`.
        y: Integer labels `(N,)`.
        k: How many answers are allowed.

    Raises:
        ValueError: If `k` is below 1.

    Example:
        >>> import gblend_keras as gb
        >>> scores = [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]
        >>> gb.evaluation.top_k_accuracy(scores, [0, 1])
        0.5
        >>> gb.evaluation.top_k_accuracy(scores, [0, 1], k=2)
        1.0
    """
    if k < 1:
        raise ValueError(
            f"`k` is out of range. Expected >= 1. Received: k={k}. "
            "Use 1 for the first answer alone."
        )
    return float(np.mean(true_class_rank(scores, y) < k))


def label_accuracy(probabilities: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Computes the share of labels that are right: the accuracy of summaries.

    Args:
        probabilities: Shape `(N, classes)`.
        y: Integer labels `(N,)`: the likeliest class must be the true one; or
            multi-hot `(N, classes)`: every label counts, from 0.5 on as said.

    Example:
        >>> from gblend_keras.evaluation import metrics
        >>> metrics.label_accuracy([[0.9, 0.1], [0.2, 0.8]], [0, 0])
        0.5
    """
    values, labels = np.asarray(probabilities), np.asarray(y)
    if labels.ndim == 2:
        return float(np.mean((values > 0.5) == (labels > 0.5)))
    return float(np.mean(np.argmax(values, axis=1) == labels))


def average_precision(scores: npt.ArrayLike, hot: npt.ArrayLike) -> PerClass:
    """Computes the average precision of every class, and their mean: mAP.

    Source: VMZ, `c2/lib/utils/metric.py`: scikit-learn's
    `average_precision_score` of each class, mean over those with a positive.

    Args:
        scores: Shape `(N, classes)`.
        hot: Multi-hot labels `(N, classes)`.

    Example:
        >>> import gblend_keras as gb
        >>> scores = [[0.9, 0.1], [0.4, 0.8], [0.6, 0.7]]
        >>> hot = [[1, 0], [1, 1], [0, 1]]
        >>> found = gb.evaluation.average_precision(scores, hot)
        >>> round(found.mean, 3)
        0.917
    """
    truth = np.asarray(hot) > 0.5
    scorer = _sklearn().average_precision_score
    return _by_class(scorer, scores, truth, truth.sum(axis=0) > 0)


def area_under_curve(scores: npt.ArrayLike, hot: npt.ArrayLike) -> PerClass:
    """Computes the area under the ROC curve of every class, and its mean.

    Source: VMZ, as `average_precision`, with `roc_auc_score`.
    Ours: a class without a negative is left out, too: it has no such area.

    Args:
        scores: Shape `(N, classes)`.
        hot: Multi-hot labels `(N, classes)`.

    Example:
        >>> import gblend_keras as gb
        >>> scores = [[0.9, 0.1], [0.4, 0.8], [0.6, 0.7]]
        >>> hot = [[1, 0], [1, 1], [0, 1]]
        >>> found = gb.evaluation.area_under_curve(scores, hot)
        >>> round(found.mean, 3)
        0.75
    """
    truth = np.asarray(hot) > 0.5
    scorer = _sklearn().roc_auc_score
    positives = truth.sum(axis=0)
    both = (positives > 0) & (positives < len(truth))
    return _by_class(scorer, scores, truth, both)


def _by_class(
    scorer: Callable[..., Any],
    scores: npt.ArrayLike,
    truth: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
) -> PerClass:
    """Scores all usable classes in one call; the others are left out."""
    found = np.full(truth.shape[1], np.nan)
    if usable.any():
        values = np.asarray(scores, np.float64)[:, usable]
        found[usable] = scorer(truth[:, usable], values, average=None)
    return per_class(found)


def d_prime(auc: float) -> float:
    """Computes how far apart positives and negatives lie, in deviations.

        d' = sqrt(2) * inverse_normal(AUC)

    Two normal distributions of deviation 1 at this distance have this AUC.

    Source: Hershey et al., ICASSP 2017, for AudioSet, of the mean AUC.

    Args:
        auc: In [0, 1]. 0.5 gives 0, 1 gives infinity.

    Example:
        >>> import gblend_keras as gb
        >>> round(gb.evaluation.d_prime(0.97), 2)
        2.66
    """
    stats = optional.load("scipy.stats", extra="eval", purpose="Evaluation")
    return float(np.sqrt(2.0) * stats.norm.ppf(auc))


def confusion_matrix(
    scores: npt.ArrayLike, y: npt.ArrayLike, num_classes: int
) -> IntArray:
    """Counts answers: row = true class, column = class that was answered.

    Args:
        scores: Shape `(N, num_classes)`.
        y: Integer labels `(N,)`.
        num_classes: Rows and columns.

    Example:
        >>> import gblend_keras as gb
        >>> scores = [[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]
        >>> gb.evaluation.confusion_matrix(scores, [0, 1, 1], 2).tolist()
        [[1, 0], [1, 1]]
    """
    answered = np.asarray(scores).argmax(axis=1)
    cells = np.asarray(y, np.int64) * num_classes + answered
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_accuracy(confusion: IntArray) -> PerClass:
    """Computes the share of each class's examples that were answered right.

    Args:
        confusion: As `confusion_matrix` gives it. A class without an example
            is left out.
    """
    totals = confusion.sum(axis=1)
    shares = np.full(len(totals), np.nan)
    np.divide(np.diag(confusion), totals, out=shares, where=totals > 0)
    return per_class(shares)


def one_hot(y: npt.ArrayLike, num_classes: int) -> npt.NDArray[np.bool_]:
    """Turns integer labels `(N,)` into rows `(N, num_classes)`."""
    return np.asarray(y, np.int64)[:, None] == np.arange(num_classes)


def _sklearn() -> Any:
    return optional.load("sklearn.metrics", extra="eval", purpose="Evaluation")


def largest_changes(
    gains: Sequence[float | None],
    class_names: Sequence[str],
    *,
    most: int = 10,  # as in the paper's Fig. 6
) -> tuple[Changes, Changes]:
    """Returns the classes that gain and those that lose most.

    Args:
        gains: One a class; None where the class does not occur.
        class_names: One a class.
        most: How many of each.

    Returns:
        `(class, gain)` of gains and of losses, each the largest first.

    Example:
        >>> from gblend_keras.evaluation import metrics
        >>> metrics.largest_changes([0.1, None, -0.2], ["cat", "dog", "eel"])
        ([('cat', 0.1)], [('eel', -0.2)])
    """
    known = [
        (name, gain)
        for name, gain in zip(class_names, gains, strict=True)
        if gain is not None
    ]
    known.sort(key=lambda pair: pair[1])
    improved = [pair for pair in reversed(known) if pair[1] > 0]
    dropped = [pair for pair in known if pair[1] < 0]
    return improved[:most], dropped[:most]
