"""Predictions -> the numbers of an evaluation, as plain values."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from gblend_keras.data import example_set
from gblend_keras.evaluation import forecasts
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import subsets
from gblend_keras.heads import FUSED


def number(value: float) -> float | None:
    """Returns a value for JSON: None for what is not a finite number."""
    return float(value) if math.isfinite(value) else None


def numbers(values: metrics.FloatArray) -> list[float | None]:
    """Returns values for JSON, as `number` does."""
    return [number(value) for value in values]


def head_scores(
    probabilities: example_set.Array,
    y: example_set.Array,
    *,
    num_bins: int = 15,
) -> dict[str, Any]:
    """Computes every metric of one answer.

    Args:
        probabilities: Shape `(N, classes)`.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.
        num_bins: Of the calibration error.

    Returns:
        `top1`, `top5` and `class_accuracy` (None for multi-hot labels),
        `mAP`, `mAUC`, `d_prime` (None when it is infinite), `nll`, `ece`,
        `reliability`, `class_average_precision`.
    """
    num_classes = probabilities.shape[1]
    hot = y if y.ndim == 2 else metrics.one_hot(y, num_classes)
    precision = metrics.average_precision(probabilities, hot)
    area = metrics.area_under_curve(probabilities, hot)
    result: dict[str, Any] = {"top1": None, "top5": None}
    by_class = None
    if y.ndim == 1:
        ranks = metrics.true_class_rank(probabilities, y)
        result = {f"top{k}": float(np.mean(ranks < k)) for k in (1, 5)}
        counts = metrics.confusion_matrix(probabilities, y, num_classes)
        by_class = numbers(metrics.class_accuracy(counts).values)
    return result | {
        "mAP": number(precision.mean),
        "mAUC": number(area.mean),
        "d_prime": number(metrics.d_prime(area.mean)),
        **trust_scores(probabilities, y, num_bins=num_bins),
        "class_accuracy": by_class,
        "class_average_precision": numbers(precision.values),
    }


def trust_scores(
    probabilities: example_set.Array, y: example_set.Array, *, num_bins: int
) -> dict[str, Any]:
    """Computes how far the probabilities of an answer can be believed.

    Args:
        probabilities: Shape `(N, classes)`.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.
        num_bins: Of the calibration error.

    Returns:
        `nll`, in nats, `ece`, and the bins of `reliability`.
    """
    found = forecasts.reliability(probabilities, y, num_bins=num_bins)
    return {
        "nll": forecasts.negative_log_likelihood(probabilities, y),
        "ece": found.error,
        "reliability": {
            "num_forecasts": found.num_forecasts.tolist(),
            "confidence": numbers(found.confidence),
            "accuracy": numbers(found.accuracy),
        },
    }


def class_counts(y: example_set.Array, num_classes: int) -> dict[str, int]:
    """Counts the classes that the means leave out.

    Args:
        y: Integer labels `(N,)`, or multi-hot `(N, num_classes)`.
        num_classes: Classes of the model.
    """
    hot = y > 0.5 if y.ndim == 2 else metrics.one_hot(y, num_classes)
    positives = hot.sum(axis=0)
    return {
        "classes": num_classes,
        "classes_without_positive": int((positives == 0).sum()),
        "classes_without_negative": int((positives == len(hot)).sum()),
    }


def main_metric(y: example_set.Array) -> str:
    """Returns what answers are compared by: "top1", or "mAP"."""
    return "top1" if y.ndim == 1 else "mAP"


def class_gains(
    heads: Mapping[str, Mapping[str, Any]],
    modalities: Sequence[str],
    class_names: Sequence[str],
    metric: str,
) -> dict[str, Any] | None:
    """Computes what fusion gains over the best modality, class by class.

    Source: Wang, Tran & Feiszli, CVPR 2020, Fig. 6.
    Ours: against the best modality head of the same network; the paper's is
    a network of its own.

    Args:
        heads: `{answer: head_scores}`.
        modalities: The modality heads.
        class_names: One name a class.
        metric: "top1", or "mAP" for average precision.

    Returns:
        `best_modality`, `measure`, and for each fused answer the gain of
        each class (None where the class does not occur), the `improved` and
        the `dropped` ones: up to ten `[class, gain]`, the largest first. None
        without a modality head.
    """
    ranked = [head for head in modalities if heads[head][metric] is not None]
    if not ranked:
        return None
    best = max(ranked, key=lambda head: heads[head][metric])
    field = {
        "top1": "class_accuracy",
        "mAP": "class_average_precision",
    }[metric]
    base = heads[best][field]
    result: dict[str, Any] = {"best_modality": best, "measure": field}
    for answer in FUSED:
        gains = [
            None if a is None or b is None else a - b
            for a, b in zip(heads[answer][field], base, strict=True)
        ]
        improved, dropped = metrics.largest_changes(gains, class_names)
        result[answer] = {
            "gains": gains,
            "improved": [list(each) for each in improved],
            "dropped": [list(each) for each in dropped],
        }
    return result


def subset_scores(
    probabilities: Mapping[Any, example_set.Array],
    y: example_set.Array,
    modalities: Sequence[str],
) -> dict[str, Any]:
    """Computes the score of every subset and the worth of every modality.

    Nothing at all is worth what a guess is: 1 / classes, or the mean share of
    positives (the average precision of a constant).

    Args:
        probabilities: `{subset: (N, classes)}`, among other answers.
        y: Integer labels `(N,)`, or multi-hot `(N, classes)`.
        modalities: Their names.
    """
    metric = main_metric(y)
    if y.ndim == 1:
        empty = 1 / probabilities[tuple(modalities)].shape[1]
    else:
        shares = (y > 0.5).mean(axis=0)
        empty = float(shares[shares > 0].mean()) if shares.any() else 0.0

    def score(subset: subsets.Subset) -> float:
        values = probabilities[subset]
        if metric == "top1":
            return metrics.top_k_accuracy(values, y)
        return metrics.average_precision(values, y).mean

    found = subsets.score_subsets(score, modalities)
    shapley = subsets.shapley_values(found, modalities, empty=empty)
    return {
        "metric": metric,
        "empty": empty,
        "subsets": [
            {"modalities": list(subset), "score": number(value)}
            for subset, value in found.items()
        ],
        "shapley": {name: number(value) for name, value in shapley.items()},
    }
