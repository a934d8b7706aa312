"""EPIC-Kitchens: verb, noun and action from two sets of probabilities."""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.evaluation import metrics
from gblend_keras.utils import optional

Pair = tuple[int, int]  # verb class, noun class
_CHUNK_CELLS = 2**22  # of a table of actions: 32 MiB


class Segments(NamedTuple):
    """Action segments: what was predicted and what is true.

    Attributes:
        verb_probabilities: Shape `(N, verbs)`.
        noun_probabilities: Shape `(N, nouns)`.
        verbs: True verb classes `(N,)`.
        nouns: True noun classes `(N,)`.
    """

    verb_probabilities: npt.ArrayLike
    noun_probabilities: npt.ArrayLike
    verbs: npt.ArrayLike
    nouns: npt.ArrayLike

    def take(self, chosen: npt.NDArray[np.bool_]) -> Segments:
        """Returns the segments where `chosen` is true."""
        return Segments(*(np.asarray(part)[chosen] for part in self))


class ManyShot(NamedTuple):
    """The classes that training has many examples of."""

    verbs: tuple[int, ...]
    nouns: tuple[int, ...]
    actions: tuple[Pair, ...]


def many_shot_classes(
    train_verbs: npt.ArrayLike,
    train_nouns: npt.ArrayLike,
    *,
    more_than: int = 100,
) -> ManyShot:
    """Finds the many-shot classes of a training set.

    A verb or a noun is many-shot when it occurs more than 100 times in
    training. An action is when its verb and its noun both are, and the action
    itself occurs in training at least once.

    Source: EPIC-Kitchens-55 annotations, README, `EPIC_many_shot_verbs.csv`,
    `..._nouns.csv` and `..._actions.csv`. Some later code asks for a
    many-shot verb *or* noun; that is not the data set's definition.

    Args:
        train_verbs: Verb class of each training segment `(N,)`.
        train_nouns: Noun class of each training segment `(N,)`.
        more_than: Occurrences that are not yet enough.

    Raises:
        ValueError: If there is not one noun a verb.

    Example:
        >>> import gblend_keras as gb
        >>> found = gb.evaluation.many_shot_classes(
        ...     train_verbs=[0, 0, 0, 1], train_nouns=[5, 5, 6, 5], more_than=2
        ... )
        >>> found.verbs, found.nouns, found.actions
        ((0,), (5,), ((0, 5),))
    """
    verbs = np.asarray(train_verbs, np.int64)
    nouns = np.asarray(train_nouns, np.int64)
    if verbs.shape != nouns.shape:
        raise ValueError(
            "`train_nouns` does not fit `train_verbs`. Expected one noun a "
            f"verb, {verbs.shape}. Received: {nouns.shape}. "
            "Take both from the same segments, in the same order."
        )
    many_verbs = np.flatnonzero(np.bincount(verbs) > more_than)
    many_nouns = np.flatnonzero(np.bincount(nouns) > more_than)
    both = np.isin(verbs, many_verbs) & np.isin(nouns, many_nouns)
    pairs = {
        (int(v), int(n)) for v, n in zip(verbs[both], nouns[both], strict=True)
    }
    return ManyShot(
        tuple(many_verbs.tolist()),
        tuple(many_nouns.tolist()),
        tuple(sorted(pairs)),
    )


def action_ranks(segments: Segments) -> metrics.IntArray:
    """Computes how many actions are ranked before the true one.

    The score of an action is the product of its verb's and its noun's
    probability, over all pairs. Ties: the smaller verb, then the smaller
    noun comes first.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 4 (EPIC-Kitchens); and
    the challenge's own scoring, which ranks the products.

    Args:
        segments: Predictions and labels.

    Returns:
        Shape `(N,)`, from 0.
    """
    verb = np.asarray(segments.verb_probabilities, np.float64)
    noun = np.asarray(segments.noun_probabilities, np.float64)
    num_actions = verb.shape[1] * noun.shape[1]
    truth = np.asarray(segments.verbs, np.int64) * noun.shape[1]
    truth = truth + np.asarray(segments.nouns, np.int64)
    size = max(1, _CHUNK_CELLS // num_actions)
    ranks = [
        metrics.true_class_rank(
            (
                verb[start : start + size, :, None]
                * noun[start : start + size, None, :]
            ).reshape(-1, num_actions),
            truth[start : start + size],
        )
        for start in range(0, len(verb), size)
    ]
    return np.concatenate(ranks)


def action_accuracy(segments: Segments) -> dict[str, dict[str, float]]:
    """Computes top-1 and top-5 accuracy of verb, noun and action.

    Args:
        segments: Predictions and labels.

    Returns:
        `{"verb": {"top1": ..., "top5": ...}, "noun": ..., "action": ...}`.

    Example:
        >>> import gblend_keras as gb
        >>> from gblend_keras.evaluation.actions import Segments
        >>> segments = Segments(
        ...     verb_probabilities=[[0.9, 0.1], [0.6, 0.4]],
        ...     noun_probabilities=[[0.8, 0.2], [0.3, 0.7]],
        ...     verbs=[0, 1],
        ...     nouns=[0, 1],
        ... )
        >>> gb.evaluation.action_accuracy(segments)["action"]
        {'top1': 0.5, 'top5': 1.0}
    """
    ranks = {
        "verb": metrics.true_class_rank(
            segments.verb_probabilities, segments.verbs
        ),
        "noun": metrics.true_class_rank(
            segments.noun_probabilities, segments.nouns
        ),
        "action": action_ranks(segments),
    }
    return {
        name: {
            "top1": float(np.mean(rank < 1)),
            "top5": float(np.mean(rank < 5)),
        }
        for name, rank in ranks.items()
    }


def many_shot_scores(
    segments: Segments, many_shot: ManyShot
) -> dict[str, dict[str, float | None]]:
    """Computes mean precision and recall over the many-shot classes.

    Of the first answers. Classes that do not occur among the true ones are
    left out; a class that is never answered has precision 0.

    Source: the EPIC-Kitchens-55 challenge (Damen et al., ECCV 2018).

    Args:
        segments: Predictions and labels.
        many_shot: As `many_shot_classes` finds them.

    Returns:
        For "verb", "noun" and "action": `precision` and `recall` (None
        without any class) and `num_classes`.
    """
    verb = np.asarray(segments.verb_probabilities).argmax(axis=1)
    noun = np.asarray(segments.noun_probabilities).argmax(axis=1)
    num_nouns = np.asarray(segments.noun_probabilities).shape[1]
    true_verb = np.asarray(segments.verbs, np.int64)
    true_noun = np.asarray(segments.nouns, np.int64)
    actions = [v * num_nouns + n for v, n in many_shot.actions]
    return {
        "verb": _mean_scores(true_verb, verb, many_shot.verbs),
        "noun": _mean_scores(true_noun, noun, many_shot.nouns),
        "action": _mean_scores(
            true_verb * num_nouns + true_noun, verb * num_nouns + noun, actions
        ),
    }


def _mean_scores(
    truth: metrics.IntArray, answered: metrics.IntArray, classes: Any
) -> dict[str, float | None]:
    present = np.intersect1d(np.asarray(classes, np.int64), truth)
    if not len(present):
        return {"precision": None, "recall": None, "num_classes": 0}
    precision, recall, _, _ = optional.load(
        "sklearn.metrics", extra="eval", purpose="Evaluation"
    ).precision_recall_fscore_support(
        truth, answered, labels=present, average=None, zero_division=0.0
    )
    return {
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "num_classes": len(present),
    }


def evaluate_actions(
    segments: Segments,
    *,
    kitchens: npt.ArrayLike | None = None,
    train_kitchens: npt.ArrayLike | None = None,
    many_shot: ManyShot | None = None,
) -> dict[str, Any]:
    """Computes everything that EPIC-Kitchens reports.

    Args:
        segments: Predictions and labels; views are averaged beforehand.
        kitchens: Kitchen (participant) of each segment `(N,)`; with it, and
            `train_kitchens`, seen and unseen kitchens are told apart.
        train_kitchens: Kitchens that occur in training, any number of times.
        many_shot: Adds mean precision and recall over these classes.

    Returns:
        For "all", and "seen" and "unseen" where segments are: `num_segments`,
        `verb`, `noun`, `action` with `top1` and `top5`, and `many_shot`.

    Raises:
        ValueError: If the parts do not fit each other.

    Example:
        >>> import gblend_keras as gb
        >>> from gblend_keras.evaluation.actions import Segments
        >>> segments = Segments(
        ...     verb_probabilities=[[0.9, 0.1], [0.6, 0.4]],
        ...     noun_probabilities=[[0.8, 0.2], [0.3, 0.7]],
        ...     verbs=[0, 1],
        ...     nouns=[0, 1],
        ... )
        >>> found = gb.evaluation.evaluate_actions(
        ...     segments, kitchens=["P01", "P31"], train_kitchens=["P01"]
        ... )
        >>> {part: scores["num_segments"] for part, scores in found.items()}
        {'all': 2, 'seen': 1, 'unseen': 1}
    """
    check_segments(segments)
    total = len(np.asarray(segments.verbs))
    parts = {"all": np.ones(total, np.bool_)}
    if kitchens is not None and train_kitchens is not None:
        if np.shape(kitchens) != (total,):
            raise ValueError(
                "`kitchens` does not fit the segments. Expected one kitchen a "
                f"segment, ({total},). Received: {np.shape(kitchens)}. "
                "Pass them in the order of the segments."
            )
        seen = np.isin(np.asarray(kitchens), np.asarray(train_kitchens))
        parts |= {"seen": seen, "unseen": ~seen}
    results = {}
    for name, rows in parts.items():
        if rows.any():
            part = segments.take(rows)
            result: dict[str, Any] = {
                "num_segments": len(np.asarray(part.verbs))
            }
            result |= action_accuracy(part)
            if many_shot is not None:
                result["many_shot"] = many_shot_scores(part, many_shot)
            results[name] = result
    return results


def check_segments(segments: Segments) -> None:
    """Raises unless the parts have one row a segment and known classes."""
    rows = [len(np.asarray(part)) for part in segments]
    if len(set(rows)) > 1 or rows[0] == 0:
        found = dict(zip(segments._fields, rows, strict=True))
        raise ValueError(
            "`segments` has parts of different length, or none. Expected one "
            f"row a segment in each. Received: {found}. "
            "Evaluate verbs and nouns on the same segments."
        )
    for name in ("verb", "noun"):
        labels = np.asarray(getattr(segments, f"{name}s"))
        shape = np.shape(getattr(segments, f"{name}_probabilities"))
        if labels.min() < 0 or labels.max() >= shape[1]:
            raise ValueError(
                f"`{name}s` has a label out of range. Expected 0 to "
                f"{shape[1] - 1}. Received: {labels.min()} to {labels.max()}. "
                f"Check that the {name} model has all classes."
            )
