"""Exponents of a pool of heads, fitted on held-out predictions. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

PRIOR = 10.0  # examples' worth of pull towards equal exponents
# Of several heads whose exponents no example has been fitted on. Heads do not
# err alike, so that together they are surer than each. Chosen on the validation
# splits of six sets, where the best sum was 1.1 to 3.
SUM = 1.5
_CHUNK = 2**22  # values of a part that is worked on at a time
_MOST_STEPS = 100
_SMALLEST = 1e-10  # decrease of the loss, in nats, that is worth a step


class Heldout(NamedTuple):
    """What heads say of examples that they were not trained on.

    Attributes:
        evidence: `pool.evidence` of each head, shape `(N, H, C)`.
        labels: Shape `(N,)`, integers; or `(N, C)`, multi-hot, where an
            example may have several classes.
        weight: Sample weights, shape `(N,)`, each >= 0, not all 0.
        group: Whose each example is, shape `(N,)`; None where each is its own.
    """

    evidence: npt.NDArray[np.float32]
    labels: npt.NDArray[Any]
    weight: FloatArray
    group: npt.NDArray[Any] | None = None

    def of(self, rows: Any = slice(None), heads: Any = slice(None)) -> Heldout:
        """Returns some examples under some heads, by slices or numbers."""
        return Heldout(
            self.evidence[rows][:, heads],
            self.labels[rows],
            self.weight[rows],
            None if self.group is None else self.group[rows],
        )


def in_words(exponents: Mapping[str, float]) -> str:
    """Returns `{head: exponent}` as text: "rgb 0.40, audio 1.20"."""
    return ", ".join(f"{head} {a:.2f}" for head, a in exponents.items())


def from_shares(shares: npt.ArrayLike) -> FloatArray:
    """Computes exponents from how much of what heads learn generalises.

        a_h = 1.5 F_h / sum_k F_k

    Ours: needs no example. A head that overfits is surer than it should be;
    one that does not can be believed. Of a single head, the exponent is 1.

    Args:
        shares: F of each head, shape `(H,)`, each >= 0, not all 0; see
            `ogr.generalization_share`. Equal ones for a log-mean.

    Returns:
        Shape `(H,)`.

    Example:
        >>> from gblend_keras.answers import exponents
        >>> exponents.from_shares([0.8, 0.2]).round(2).tolist()
        [1.2, 0.3]
    """
    found = np.asarray(shares, np.float64)
    total = SUM if np.count_nonzero(found) > 1 else 1.0
    return total * found / found.sum()


def equal(num_heads: int) -> FloatArray:
    """Returns the exponents of heads of which nothing is known, `(H,)`."""
    return from_shares(np.ones(num_heads))


def fit(held_out: Heldout) -> FloatArray:
    """Finds the exponents of heads with which their pool is right most often.

        p(c) = softmax_c(z),    z_c = sum_h a_h q_h(c),    a_h >= 0

        a = argmin_a  mean_V(-log p(label)) + 10 / (2 n) |a - a0|**2
        a0 = (g / H) (1, ..., 1)

    g is the exponent of the plain log-mean that minimises the same, drawn
    towards 1 as a is towards a0. The sum of the exponents is free: they are
    temperatures too. Convex, with H unknowns: Newton steps on what is not held
    at 0 (Bertsekas, SIAM J. Control Optim. 20, 1982). With several classes an
    example, sigmoids, and the sum over classes of their cross-entropies.

    Ours. Source of pools with exponents: Genest & Zidek, Stat. Sci. 1, 1986.

    Args:
        held_out: What the heads say of V. n is the size of V, or, with
            sample weights, of as telling a set with equal ones.

    Returns:
        Shape `(H,)`, each >= 0.

    Raises:
        ValueError: If there is no example with a positive weight.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.answers import exponents
        >>> labels = np.arange(40) % 2
        >>> knows = np.log(0.1 + 0.8 * np.eye(2)[labels])
        >>> guesses = np.log(0.1 + 0.8 * np.eye(2)[labels[::-1]])
        >>> evidence = np.stack([knows, guesses], axis=1)
        >>> one, other = exponents.fit(
        ...     exponents.Heldout(evidence, labels, np.ones(40))
        ... )
        >>> bool(one > 1 and other == 0)
        True
    """
    kept = held_out.weight > 0
    if not kept.any():
        raise no_weight(len(kept))
    num_heads = held_out.evidence.shape[1]
    held_out = held_out.of(kept)
    weight = held_out.weight / held_out.weight.sum()
    pull = PRIOR * float(np.square(weight).sum())  # 10 / n
    held_out = held_out._replace(weight=weight)
    mean = held_out._replace(
        evidence=held_out.evidence.mean(axis=1, keepdims=True)
    )
    overall = _minimize(mean, np.ones(1), pull / num_heads)
    return _minimize(held_out, np.full(num_heads, overall[0] / num_heads), pull)


def no_weight(num_examples: int) -> ValueError:
    """Returns the error for a V in which nothing counts."""
    return ValueError(
        "No held-out example has a positive weight. Expected at least one "
        f"to calibrate on. Received: {num_examples} examples. Hold out more."
    )


def losses(held_out: Heldout, exponents: FloatArray) -> FloatArray:
    """Computes the loss of each example under a pool, `(N,)`, in nats."""
    parts = [_terms(part, exponents)[0] for part in _parts(held_out)]
    return np.concatenate(parts)


class CrossValidated(NamedTuple):
    """How well a pool does on examples that it was not fitted on.

    Attributes:
        loss: Mean negative log-likelihood, in nats.
        accuracy: Share of the labels that are right.
        num_folds: In how many parts V was divided.
    """

    loss: float
    accuracy: float
    num_folds: int


def cross_validate(
    held_out: Heldout, *, num_folds: int = 5, seed: int = 0
) -> CrossValidated | None:
    """Fits a pool on parts of V and judges it on the rest.

    Args:
        held_out: What the heads say of V. Groups stay whole.
        num_folds: In how many parts V is divided; of fewer examples or
            groups, each is a part.
        seed: Seeds the division.

    Returns:
        What came of it; None where there are not two parts.
    """
    count = len(held_out.labels)
    group = held_out.group if held_out.group is not None else np.arange(count)
    _, member = np.unique(group, return_inverse=True)
    member = member.reshape(-1)
    num_folds = min(num_folds, int(member.max()) + 1)
    if num_folds < 2:
        return None
    shuffled = np.random.default_rng(seed).permutation(member.max() + 1)
    fold = shuffled[member] % num_folds
    loss, right = np.zeros(count), np.zeros(count)
    for number in range(num_folds):
        inside, outside = fold != number, fold == number
        if not held_out.weight[inside].any():
            return None
        found = fit(held_out.of(inside))
        judged = held_out.of(outside)
        loss[outside] = losses(judged, found)
        right[outside] = _right(judged, found)
    weight = held_out.weight / held_out.weight.sum()
    return CrossValidated(
        float(weight @ loss), float(weight @ right), num_folds
    )


def _right(held_out: Heldout, exponents: FloatArray) -> FloatArray:
    """Returns the share of each example's labels that a pool gets right."""
    total = _total(held_out.evidence, exponents)
    if held_out.labels.ndim == 2:
        return ((total > 0) == (held_out.labels > 0.5)).mean(axis=1)
    return (total.argmax(axis=1) == held_out.labels).astype(np.float64)


def _total(evidence: npt.NDArray[Any], exponents: FloatArray) -> FloatArray:
    """Returns z, the logits of the pool, `(N, C)`."""
    return np.tensordot(evidence.astype(np.float64), exponents, axes=([1], [0]))


def _minimize(held_out: Heldout, start: FloatArray, pull: float) -> FloatArray:
    """Finds the least penalised loss with no exponent below 0.

    Args:
        held_out: Weights sum to 1.
        start: Where the search begins, and what the penalty pulls towards.
        pull: How strongly.
    """
    found = start.copy()
    value, slope, curvature = _objective(held_out, found, start, pull)
    for _ in range(_MOST_STEPS):
        free = (found > 0) | (slope < 0)
        step = np.zeros_like(found)
        if free.any():
            step[free] = np.linalg.solve(
                curvature[np.ix_(free, free)], slope[free]
            )
        length, improved = 1.0, False
        while length > 1e-8 and not improved:
            tried = np.maximum(found - length * step, 0.0)
            new = _objective(held_out, tried, start, pull)
            improved = new[0] < value - _SMALLEST
            length /= 2
        if not improved:
            break
        found, (value, slope, curvature) = tried, new
    return found


def _objective(
    held_out: Heldout, exponents: FloatArray, start: FloatArray, pull: float
) -> tuple[float, FloatArray, FloatArray]:
    """Returns the penalised loss, its gradient and its Hessian."""
    away = exponents - start
    value = pull / 2 * float(away @ away)
    slope = pull * away
    curvature = pull * np.eye(len(exponents))
    for part in _parts(held_out):
        loss, residual, spread = _terms(part, exponents)
        value += float(part.weight @ loss)
        slope = slope + part.weight @ residual
        curvature = curvature + np.tensordot(part.weight, spread, axes=1)
    return value, slope, curvature


def _terms(
    held_out: Heldout, exponents: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Returns each example's loss `(N,)`, its gradient and its Hessian."""
    evidence = held_out.evidence.astype(np.float64)
    total = _total(evidence, exponents)
    if held_out.labels.ndim == 2:
        p = 0.5 * (1 + np.tanh(total / 2))  # a sigmoid that cannot overflow
        labels = held_out.labels.astype(np.float64)
        loss = (np.logaddexp(0, total) - labels * total).sum(axis=1)
        residual = np.einsum("nhc,nc->nh", evidence, p - labels)
        known = evidence * (p * (1 - p))[:, None]
        return loss, residual, known @ evidence.transpose(0, 2, 1)
    rows = np.arange(len(total))
    labels = held_out.labels.astype(np.int64)
    highest = total.max(axis=1)
    normalizer = highest + np.log(np.exp(total - highest[:, None]).sum(axis=1))
    loss = normalizer - total[rows, labels]
    p = np.exp(total - normalizer[:, None])
    mean = np.einsum("nhc,nc->nh", evidence, p)
    residual = mean - evidence[rows, :, labels]
    centred = evidence - mean[:, :, None]
    return loss, residual, (centred * p[:, None]) @ centred.transpose(0, 2, 1)


def _parts(held_out: Heldout) -> Iterator[Heldout]:
    """Yields the examples in parts that need little memory."""
    count, num_heads, num_classes = held_out.evidence.shape
    size = max(1, _CHUNK // (num_heads * num_classes))
    for number in range(math.ceil(count / size)):
        rows = slice(number * size, (number + 1) * size)
        yield held_out.of(rows)
