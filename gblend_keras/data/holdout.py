"""Which training examples are held out: stratified, or whole groups.

NumPy alone. A holdout is taken out of the training set, never out of the
validation or test set (Wang, Tran & Feiszli, CVPR 2020, section 2.4).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def holdout_indices(
    y: npt.ArrayLike,
    *,
    fraction: float,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> IntArray:
    """Chooses the examples of V.

    Without groups, each class gives its share (at least one example). With
    groups, whole groups are taken until the fraction is met as nearly as
    possible: do so when the test set has subjects, speakers or kitchens that
    training never saw, for overfitting to a person cannot be seen on the same
    person.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.1 (8 % of Kinetics).
    Ours: stratified, and by group.

    Args:
        y: Integer labels `(N,)` or multi-hot labels `(N, classes)`.
        fraction: Share of the examples, in (0, 1).
        groups: One value an example, or None.
        seed: Seeds the choice.

    Returns:
        Sorted row numbers.

    Raises:
        ValueError: If a class or the groups are too few to be divided.

    Example:
        >>> import gblend_keras as gb
        >>> rows = gb.data.holdout_indices([0, 1] * 6, fraction=0.34)
        >>> len(rows)
        4
    """
    if not 0 < fraction < 1:
        raise ValueError(
            "`fraction` is out of range. Expected 0 < fraction < 1. "
            f"Received: fraction={fraction}. The paper uses 0.08 to 0.13."
        )
    labels = np.asarray(y)
    rng = np.random.default_rng(seed)
    if groups is None:
        return _stratified(labels, fraction, rng)
    values = _checked_groups(groups, labels)
    names, sizes = np.unique(values, return_counts=True)
    if len(names) < 2:
        raise ValueError(
            "There are too few groups to hold one out. Expected at least 2. "
            f"Received: {len(names)}. Leave `groups` out to divide at random."
        )
    wanted = fraction * len(values)
    order = rng.permutation(len(names))
    taken = [order[0]]
    total = int(sizes[order[0]])
    for group in order[1:-1]:
        if abs(total + sizes[group] - wanted) < abs(total - wanted):
            taken.append(group)
            total += int(sizes[group])
    chosen = np.flatnonzero(np.isin(values, names[taken]))
    if labels.ndim == 2:
        held = labels[chosen].astype(bool).any(axis=0)
        left = np.delete(labels, chosen, axis=0).astype(bool).any(axis=0)
        lost = np.flatnonzero(held & ~left)
    else:
        lost = np.setdiff1d(labels[chosen], np.delete(labels, chosen))
    if len(lost):
        raise ValueError(
            f"Class {lost[0]} occurs in the held out groups alone. Expected "
            "every class in more groups. Received: no example of it is left "
            "to train. Choose another seed or fraction."
        )
    return chosen


def fold_indices(
    y: npt.ArrayLike,
    *,
    folds: int,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> list[IntArray]:
    """Divides all examples into folds; each is the holdout once.

    Ours: cross-fitting for small sets. Pooled over folds, every example gives
    a holdout loss, and none is lost to training.

    Args:
        y: Integer labels `(N,)` or multi-hot labels `(N, classes)`.
        folds: How many. With groups, at most as many as there are groups.
        groups: One value an example, or None. A group stays in one fold.
        seed: Seeds the division.

    Returns:
        One array of sorted row numbers a fold; together, every row once.

    Raises:
        ValueError: If there are too few examples of a class, or groups.

    Example:
        >>> import gblend_keras as gb
        >>> [len(fold) for fold in gb.fold_indices([0, 1] * 6, folds=3)]
        [4, 4, 4]
    """
    labels = np.asarray(y)
    rng = np.random.default_rng(seed)
    if groups is None:
        units = _ranks_within_class(labels, rng)
        if labels.ndim == 2:
            counts = labels.astype(bool).sum(axis=0)
            counts = counts[counts > 0]
        else:
            counts = np.unique(labels, return_counts=True)[1]
        _check_folds(folds, int(counts.min()), "examples of the rarest class")
        return [np.flatnonzero(units % folds == fold) for fold in range(folds)]
    values = _checked_groups(groups, labels)
    names, sizes = np.unique(values, return_counts=True)
    _check_folds(folds, len(names), "groups")
    members: list[list[int]] = [[] for _ in range(folds)]
    totals = np.zeros(folds)
    order = rng.permutation(len(names))
    for name in order[np.argsort(-sizes[order], kind="stable")]:
        smallest_fold = int(np.argmin(totals))
        members[smallest_fold].append(name)
        totals[smallest_fold] += sizes[name]
    return [np.flatnonzero(np.isin(values, names[fold])) for fold in members]


def _stratified(
    labels: npt.NDArray[np.generic],
    fraction: float,
    rng: np.random.Generator,
) -> IntArray:
    if labels.ndim == 2:
        return _stratified_multi_hot(labels, fraction, rng)
    chosen = []
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        rare = classes[np.argmin(counts)]
        raise ValueError(
            f"Class {rare} has too few examples to be divided. Expected at "
            f"least 2 a class. Received: {counts.min()}. "
            "Drop the class, add examples, or hold out whole groups."
        )
    # Examples to take of each class: the fraction, rounded to fit in sum.
    exact = counts * fraction
    shares = np.floor(exact).astype(np.int64)
    spare = round(float(exact.sum())) - int(shares.sum())
    order = np.argsort(-(exact - shares) + 1e-9 * rng.random(len(counts)))
    shares[order[: max(spare, 0)]] += 1
    shares = np.clip(shares, 1, counts - 1)
    for value, share in zip(classes, shares, strict=True):
        rows = np.flatnonzero(labels == value)
        chosen.append(rng.choice(rows, size=share, replace=False))
    return np.sort(np.concatenate(chosen))


def _stratified_multi_hot(
    labels: npt.NDArray[np.generic],
    fraction: float,
    rng: np.random.Generator,
) -> IntArray:
    """Takes each label's share, the rarest label first.

    Source: Sechidis, Tsoumakas & Vlahavas, ECML 2011 (iterative
    stratification), for two parts.
    """
    positive = labels.astype(bool)
    counts = positive.sum(axis=0)
    if (counts == 1).any():
        raise ValueError(
            f"Label {int(np.argmax(counts == 1))} has too few examples to be "
            "divided. Expected at least 2 a label. Received: 1. "
            "Drop the label or add examples."
        )
    taken = np.zeros(len(labels), dtype=bool)
    settled = np.zeros(len(labels), dtype=bool)
    for label in np.argsort(counts, kind="stable"):
        if counts[label] == 0:
            continue
        wanted = max(1, round(counts[label] * fraction))
        wanted -= int((taken & positive[:, label]).sum())
        free = rng.permutation(np.flatnonzero(positive[:, label] & ~settled))
        taken[free[: max(wanted, 0)]] = True
        settled[free] = True
    rest = rng.permutation(np.flatnonzero(~settled))
    taken[rest[: round(len(rest) * fraction)]] = True
    return np.flatnonzero(taken)


def _checked_groups(
    groups: npt.ArrayLike, labels: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic]:
    values = np.asarray(groups)
    if values.shape != (len(labels),):
        raise ValueError(
            "`groups` has a wrong shape. Expected one value an example, "
            f"({len(labels)},). Received: {values.shape}. "
            "Pass the groups in the order of the dataset."
        )
    return values


def _ranks_within_class(
    labels: npt.NDArray[np.generic], rng: np.random.Generator
) -> IntArray:
    """Numbers the examples so that `rank % folds` divides every class."""
    keys: npt.NDArray[np.generic] = labels
    if labels.ndim == 2:
        counts = labels.astype(bool).sum(axis=0)
        rarity = np.where(labels.astype(bool), counts, len(labels) + 1)
        keys = np.asarray(rarity.argmin(axis=1))
    order = rng.permutation(len(keys))
    order = order[np.argsort(keys[order], kind="stable")]
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[order] = np.arange(len(keys))
    return ranks


def _check_folds(folds: int, available: int, what: str) -> None:
    if not 2 <= folds <= available:
        raise ValueError(
            f"`folds` does not fit the data. Expected 2 to {available} (the "
            f"number of {what}). Received: folds={folds}. "
            "Choose fewer folds."
        )
