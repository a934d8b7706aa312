"""Overfitting-to-generalisation arithmetic. Pure NumPy: no Keras, no I/O."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.blending.loss_changes import Losses
from gblend_keras.blending.loss_changes import changes
from gblend_keras.blending.loss_changes import check_losses

FloatArray = npt.NDArray[np.float64]


class Measured(NamedTuple):
    """G and O of every head, with the standard error of O, in nats.

    Attributes:
        generalization: Shape `(H,)`; positive when the holdout loss fell.
        overfitting: Shape `(H,)`; positive when the gap between holdout and
            train loss grew.
        overfitting_error: Shape `(H,)`, each >= 0.
    """

    generalization: FloatArray
    overfitting: FloatArray
    overfitting_error: FloatArray


def overfitting_to_generalization(
    generalization: npt.ArrayLike, overfitting: npt.ArrayLike
) -> FloatArray:
    """Computes OGR, the overfitting bought with each nat of generalisation.

        OGR = |O / G|

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 3.

    Args:
        generalization: G of every head, shape `(H,)`.
        overfitting: O of every head, shape `(H,)`.

    Returns:
        Shape `(H,)`, each >= 0; infinite where G is 0.

    Example:
        >>> import gblend_keras as gb
        >>> ogr = gb.overfitting_to_generalization([0.2, 0.4], [0.1, 0.4])
        >>> ogr.tolist()
        [0.5, 1.0]
    """
    gained = np.asarray(generalization, np.float64)
    added = np.asarray(overfitting, np.float64)
    ratio = np.full(gained.shape, np.inf)
    np.divide(np.abs(added), np.abs(gained), out=ratio, where=gained != 0)
    return ratio


def blend_weights(
    generalization: npt.ArrayLike,
    overfitting: npt.ArrayLike,
    *,
    overfitting_error: npt.ArrayLike = 0.0,
    floor: npt.ArrayLike = 0.01,
    previous: npt.ArrayLike | None = None,
) -> FloatArray:
    """Computes the loss weight of each head.

        w_k = max(G_k, 0) / O_k**2 / sum_j (max(G_j, 0) / O_j**2)

    Source: Wang, Tran & Feiszli, CVPR 2020, Proposition 1 and Algorithm 1.
    The normaliser printed there has a stray 2; with it, weights sum to 2.
    Ours: the paper says nothing of noise that flips a sign or nears zero.
    A head with G <= 0 gets nothing before the floor. `O**2` is not taken as
    smaller than the squared standard error of O: below that, it is noise.
    Where no head has G > 0, the weights stay as they were. Every weight is at
    least about `floor`, for a head that never learns cannot serve alone.

    Args:
        generalization: G of every head, shape `(H,)`, in nats.
        overfitting: O of every head, shape `(H,)`, in nats.
        overfitting_error: Standard error of O, a number or shape `(H,)`.
        floor: Smallest weight before the last normalisation, a number or
            shape `(H,)`; each >= 0, their sum below 1.
        previous: Weights to keep where no head generalised, shape `(H,)`.
            None stands for uniform.

    Returns:
        Shape `(H,)`, each >= 0, summing to 1.

    Raises:
        ValueError: If shapes differ, a value is not finite, or `floor` leaves
            no room.

    Example:
        >>> import gblend_keras as gb
        >>> weights = gb.blend_weights([0.2, 0.4], [0.1, 0.2], floor=0.0)
        >>> weights.round(3).tolist()  # G / O**2 is 20 and 10
        [0.667, 0.333]
    """
    gained = np.asarray(generalization, np.float64)
    added = np.asarray(overfitting, np.float64)
    _check_measured(gained, added)
    num_heads = len(gained)
    check_floor(floor, num_heads)
    noise = np.broadcast_to(
        np.asarray(overfitting_error, np.float64), gained.shape
    )
    if previous is None:
        fallback = np.full(num_heads, 1 / num_heads)
    else:
        fallback = np.asarray(previous, np.float64)
    return _normalized(gained, added, noise, floor, fallback)


def _normalized(
    gained: FloatArray,
    added: FloatArray,
    noise: FloatArray,
    floor: npt.ArrayLike,
    fallback: FloatArray,
) -> FloatArray:
    """Turns G and O, with heads on the last axis, into weights."""
    squared = np.maximum(np.square(added), np.square(noise))
    # An O of exactly 0 without an error: the smallest positive float, so that
    # the score is huge but finite, and equal heads stay equal.
    squared = np.maximum(squared, 1e-30)
    scores = np.maximum(gained, 0.0) / squared
    total = scores.sum(axis=-1, keepdims=True)
    shares = np.divide(
        scores,
        total,
        out=np.broadcast_to(fallback, scores.shape).astype(np.float64),
        where=total > 0,
    )
    return _lifted(shares, floor)


def measure(train: Losses, holdout: Losses) -> Measured:
    """Computes G and O from the same examples at two checkpoints.

    With `d = loss(N+n) - loss(N)` of an example, paired, and means over V (the
    holdout) and T' (a sample of the training set),

        G = -mean_V(d)
        O = mean_V(d) - mean_T'(d)
        error(O)**2 = var_V(d) / |V| + var_T'(d) / |T'|

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 3 and Fig. 3 (which prints G
    with the opposite sign; Eq. 3 is the one that works).
    Ours: the error. An example that occurs twice counts as one observation in
    it, so a repeated holdout is not taken for a larger one. Where V is made of
    groups (people, objects), whose examples are alike, a group is one.

    Args:
        train: Losses on T'.
        holdout: Losses on V.

    Returns:
        G, O and the standard error of O.

    Raises:
        ValueError: If a loss is not finite, or a set is empty.
    """
    check_losses("train", train)
    check_losses("holdout", holdout)
    seen, unseen = changes(train), changes(holdout)
    return Measured(
        generalization=-unseen.mean,
        overfitting=unseen.mean - seen.mean,
        overfitting_error=np.sqrt(seen.squared_error + unseen.squared_error),
    )


def bootstrap_weights(
    train: Losses,
    holdout: Losses,
    *,
    floor: npt.ArrayLike = 0.01,
    previous: npt.ArrayLike | None = None,
    num_samples: int = 1000,
    seed: int = 0,
) -> FloatArray:
    """Draws blend weights as other samples of examples would have given them.

    Ours: the paper gives no uncertainty. Examples (groups, where V is made of
    them) are drawn with replacement from V and from T', and G, O and the
    weights computed anew.

    Args:
        train: Losses on T'.
        holdout: Losses on V.
        floor: As in `blend_weights`.
        previous: As in `blend_weights`.
        num_samples: How many samples to draw.
        seed: Seeds the draws.

    Returns:
        Shape `(num_samples, H)`, each row summing to 1.
    """
    measured = measure(train, holdout)
    num_heads = train.start.shape[1]
    if previous is None:
        fallback = np.full(num_heads, 1 / num_heads)
    else:
        fallback = np.asarray(previous, np.float64)
    gained, added = _resampled(train, holdout, num_samples, seed)
    return _normalized(
        gained, added, measured.overfitting_error, floor, fallback
    )


def generalization_share(
    generalization: npt.ArrayLike,
    overfitting: npt.ArrayLike,
    overfitting_error: npt.ArrayLike = 0.0,
) -> FloatArray:
    """Computes which share of what a head learns generalises, squared.

        f = (G+**2 + e**2/4) / (G+**2 + O+**2 + e**2/4),    x+ = max(x, 0)

    Ours. Without noise it is 1 / (1 + OGR**2): it depends on the ratio alone,
    so that a head is not favoured for having learned little, as G / O**2 of a
    short look would. The error of O draws it towards 1, where nothing is
    known: equal shares give equal weights.

    Args:
        generalization: G, shape `(..., H)`, in nats.
        overfitting: O, of the same shape.
        overfitting_error: Standard error of O, a number or shape `(H,)`.

    Returns:
        Shape `(..., H)`, each in [0, 1]; 1 where nothing was learned.

    Example:
        >>> from gblend_keras.blending import ogr
        >>> ogr.generalization_share([0.2, 0.2], [0.0, 0.4]).round(2).tolist()
        [1.0, 0.2]
    """
    gained = np.square(np.maximum(generalization, 0.0))
    added = np.square(np.maximum(overfitting, 0.0))
    noise = np.square(np.asarray(overfitting_error, np.float64)) / 4
    known = np.maximum(gained + noise, 1e-30)
    share: FloatArray = known / (known + added)
    return share


def share_weights(
    train: Losses,
    holdout: Losses,
    *,
    floor: npt.ArrayLike = 0.01,
    power: float = 2.0,
    num_samples: int = 500,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Computes weights from the share of each head that generalises.

        w_k ~ F_k**power,    F_k = mean of f_k over bootstrap samples

    Ours; see `generalization_share`.

    Args:
        train: Losses on T'.
        holdout: Losses on V.
        floor: As in `blend_weights`.
        power: How sharply the weights follow the shares.
        num_samples: Bootstrap samples.
        seed: Seeds them.

    Returns:
        The weights `(H,)`, and those of each sample `(num_samples, H)`.
    """
    measured = measure(train, holdout)
    gained, added = _resampled(train, holdout, num_samples, seed)
    shares = generalization_share(gained, added, measured.overfitting_error)
    drawn = np.power(shares, power)
    mean = np.power(shares.mean(axis=0), power)
    return (
        _lifted(mean / mean.sum(), floor),
        _lifted(drawn / drawn.sum(axis=-1, keepdims=True), floor),
    )


def _lifted(shares: FloatArray, floor: npt.ArrayLike) -> FloatArray:
    """Lifts shares, with heads on the last axis, to a floor; they sum to 1."""
    lifted: FloatArray = np.maximum(shares, floor)
    return lifted / lifted.sum(axis=-1, keepdims=True)


def _resampled(
    train: Losses, holdout: Losses, num_samples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Draws G and O as other samples would give them, `(num_samples, H)`."""
    rng = np.random.default_rng(seed)
    change_seen = changes(train).resampled_means(num_samples, rng)
    change_unseen = changes(holdout).resampled_means(num_samples, rng)
    return -change_unseen, change_unseen - change_seen


def weight_intervals(weights: FloatArray, coverage: float = 0.95) -> FloatArray:
    """Computes the central interval of each head's bootstrapped weights.

    Args:
        weights: Shape `(num_samples, H)`.
        coverage: Share of the samples inside, in (0, 1).

    Returns:
        Shape `(H, 2)`: lower and upper end.
    """
    tail = (1 - coverage) / 2
    return np.quantile(weights, [tail, 1 - tail], axis=0).T


def check_floor(floor: npt.ArrayLike, num_heads: int) -> None:
    """Raises unless every head can have at least its floor."""
    floors = np.broadcast_to(np.asarray(floor, np.float64), (num_heads,))
    if not ((floors >= 0).all() and floors.sum() < 1):
        raise ValueError(
            f"`floor` leaves no room for {num_heads} weights that sum to 1. "
            "Expected floors >= 0 with a sum below 1. "
            f"Received: floor={floors.tolist()}. Choose a smaller floor."
        )


def _check_measured(gained: FloatArray, added: FloatArray) -> None:
    if gained.ndim != 1 or gained.shape != added.shape or not len(gained):
        raise ValueError(
            "`generalization` and `overfitting` differ in shape. Expected two "
            "vectors with one value a head. Received: shapes "
            f"{gained.shape} and {added.shape}. Pass G and O of the same heads."
        )
    if not (np.isfinite(gained).all() and np.isfinite(added).all()):
        raise ValueError(
            "`generalization` or `overfitting` is not finite. Expected finite "
            f"numbers. Received: generalization={gained.tolist()}, "
            f"overfitting={added.tolist()}. A loss diverged: lower the "
            "learning rate."
        )
