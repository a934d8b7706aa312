"""Which training examples are held out: stratified, or whole groups.

NumPy alone. A holdout is taken out of the training set, never out of the
validation or test set (Wang, Tran & Feiszli, CVPR 2020, section 2.4).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

NUM_DRAWS = 200  # of groups, where the first leaves a class on one side


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

    The first draw of groups is taken if V and the rest both have every class
    that several groups have. Else the best of 200 draws is: with the fewest
    classes missing from the rest, then from V, then the one in which classes
    are nearest to their share.

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
    names, members = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            "There are too few groups to hold one out. Expected at least 2. "
            f"Received: {len(names)}. Leave `groups` out to divide at random."
        )
    held = _best_draw(_class_counts(labels, members), members, fraction, rng)
    chosen = np.flatnonzero(np.isin(members, held))
    _check_classes_left(labels, chosen)
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
        smallest = _rarest_class(labels)
        _check_folds(folds, smallest, "examples of the rarest class")
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
    for value, share in zip(
        classes, _shares(counts, fraction, rng), strict=True
    ):
        rows = np.flatnonzero(labels == value)
        chosen.append(rng.choice(rows, size=share, replace=False))
    return np.sort(np.concatenate(chosen))


def _shares(
    counts: IntArray, fraction: float, rng: np.random.Generator
) -> IntArray:
    """Examples to take of each class: the fraction, rounded to fit in sum."""
    exact = counts * fraction
    share = np.floor(exact).astype(np.int64)
    spare = round(float(exact.sum())) - int(share.sum())
    order = np.argsort(-(exact - share) + 1e-9 * rng.random(len(counts)))
    share[order[: max(spare, 0)]] += 1
    return np.clip(share, 1, counts - 1)


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


def _class_counts(
    labels: npt.NDArray[np.generic], members: IntArray
) -> IntArray:
    """Counts the examples of each class in each group.

    Args:
        labels: As in `holdout_indices`.
        members: The number of each example's group, shape `(N,)`.

    Returns:
        Shape `(groups, classes)`.
    """
    num_groups = int(members.max()) + 1
    if labels.ndim == 2:
        counts = np.zeros((num_groups, labels.shape[1]), np.int64)
        np.add.at(counts, members, labels.astype(bool))
        return counts
    classes, numbers = np.unique(labels, return_inverse=True)
    counts = np.zeros((num_groups, len(classes)), np.int64)
    np.add.at(counts, (members, numbers), 1)
    return counts


def _best_draw(
    counts: IntArray,
    members: IntArray,
    fraction: float,
    rng: np.random.Generator,
) -> IntArray:
    """Draws groups: the first draw if all classes are on both sides.

    Else the best of many; see `holdout_indices`.

    Args:
        counts: Of `_class_counts`.
        members: The number of each example's group, shape `(N,)`.
        fraction: Share of the examples.
        rng: Draws.

    Returns:
        The numbers of the groups of V.
    """
    sizes = np.bincount(members)
    # A class of one group is on one side, whatever is drawn.
    divisible = (counts > 0).sum(axis=0) > 1
    total = counts.sum(axis=0)

    def rank(drawn: IntArray) -> tuple[int, int, float]:
        held = counts[drawn].sum(axis=0)
        lost = int(((held > 0) & (held == total)).sum())
        missing = int((divisible & (held == 0)).sum())
        return lost, missing, float(np.abs(held - fraction * total).sum())

    draws = [_whole_groups(sizes, fraction, rng)]
    if rank(draws[0])[:2] != (0, 0):
        draws += [
            _whole_groups(sizes, fraction, rng) for _ in range(NUM_DRAWS - 1)
        ]
    return min(draws, key=rank)


def _whole_groups(
    sizes: IntArray, fraction: float, rng: np.random.Generator
) -> IntArray:
    """Draws groups until the fraction is met as nearly as possible."""
    wanted = fraction * sizes.sum()
    order = rng.permutation(len(sizes))
    chosen = [order[0]]
    total = int(sizes[order[0]])
    for group in order[1:-1]:
        if abs(total + sizes[group] - wanted) < abs(total - wanted):
            chosen.append(group)
            total += int(sizes[group])
    return np.asarray(chosen)


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


def _check_classes_left(
    labels: npt.NDArray[np.generic], chosen: IntArray
) -> None:
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


def _rarest_class(labels: npt.NDArray[np.generic]) -> int:
    if labels.ndim == 2:
        counts = labels.astype(bool).sum(axis=0)
        return int(counts[counts > 0].min())
    return int(np.unique(labels, return_counts=True)[1].min())


def _check_folds(folds: int, available: int, what: str) -> None:
    if not 2 <= folds <= available:
        raise ValueError(
            f"`folds` does not fit the data. Expected 2 to {available} (the "
            f"number of {what}). Received: folds={folds}. "
            "Choose fewer folds."
        )
