"""Estimates of the blend in plain words."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from gblend_keras.answers import exponents
from gblend_keras.blending.estimate import BlendEstimate

# A weight at the floor is a weight of nothing; so is one that rounds to 0.01.
NOTHING = 0.01


def in_words(
    estimates: Sequence[BlendEstimate],
    *,
    floors: Mapping[str, float] | None = None,
) -> list[str]:
    """Says what estimates of the same model mean, a sentence each.

    Args:
        estimates: One, or one a seed: the first is told in full, the weights
            of all are compared.
        floors: The smallest weight that each head could get; None for
            `NOTHING`.
    """
    first = estimates[0]
    sentences = [_head_in_words(first, head) for head in first.weights]
    if first.kept_previous:
        sentences.append(
            "No head generalised, so there is no better blend than the one "
            "before: train longer, or hold out more examples."
        )
        return sentences + _repeats_in_words(estimates)
    if first.proof is not None:
        sentences.append(first.proof.summary())
        if not first.proof.passed:
            return sentences + _repeats_in_words(estimates)
    shares = " / ".join(f"{weight:.2f}" for weight in first.weights.values())
    sentences.append(f"The weights are {shares} ({' / '.join(first.weights)}).")
    for head, (low, _) in first.intervals.items():
        floor = max((floors or {}).get(head, 0.0), NOTHING)
        if low <= floor:
            least = "0" if floor == NOTHING else f"its floor of {floor:g}"
            sentences.append(
                f"The weight of {head} cannot be told from {least}."
            )
    if first.cannot_be_told_from_uniform:
        sentences.append(
            "The weights cannot be told from uniform ones: "
            f"{first.num_holdout} held-out examples are too few to say which "
            "head to favour."
        )
    else:
        sentences.append("The weights can be told from uniform ones.")
    return sentences + _repeats_in_words(estimates)


SOURCES = {
    "validation": "fitted on the set's validation split",
    "estimate": "fitted on what was held out in the estimate",
    "shares": "from the share of what each head learned that generalised",
}


def pool_in_words(found: Mapping[str, Any]) -> str:
    """Says where the exponents of a run's pool come from.

    Args:
        found: "pool" of its summary.
    """
    source = SOURCES.get(found.get("source", ""))
    if source is None:
        return (
            "pool: nothing clean was at hand to calibrate on, so the heads "
            "have equal exponents (their log-mean)."
        )
    powers = exponents.in_words(found["exponents"])
    return f"pool: exponents {powers}, {source}."


def _head_in_words(estimate: BlendEstimate, head: str) -> str:
    gained = estimate.generalization[head]
    added = estimate.overfitting[head]
    unit = "nats" if estimate.measure == "loss" else "of accuracy"
    if gained <= 0:
        return (
            f"{head} does not generalise: on held-out examples it became "
            f"worse by {-gained:.3f} {unit}."
        )
    if abs(added) <= 2 * estimate.overfitting_error[head]:
        return (
            f"{head} generalises by {gained:.3f} {unit}; its overfitting, "
            f"{added:+.3f}, cannot be told from 0."
        )
    if added < 0:
        return (
            f"{head} generalises by {gained:.3f} {unit}, and the gap between "
            "held-out and training examples shrinks."
        )
    ratio = added / gained
    speed = (
        f"{ratio:.1f} times as fast as"
        if ratio >= 1
        else f"at {100 * ratio:.0f} % of the speed at which"
    )
    return f"{head} overfits {speed} it generalises (OGR {ratio:.2f})."


def _repeats_in_words(estimates: Sequence[BlendEstimate]) -> list[str]:
    if len(estimates) < 2:
        return []
    sentences = []
    for head in estimates[0].weights:
        weights = [estimate.weights[head] for estimate in estimates]
        sentences.append(
            f"Over {len(weights)} seeds the weight of {head} is "
            f"{np.mean(weights):.2f} ± {np.std(weights, ddof=1):.2f} "
            f"({min(weights):.2f} to {max(weights):.2f})."
        )
    return sentences
