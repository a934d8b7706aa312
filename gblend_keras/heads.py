"""Heads and answers: their names, their words, and what a run answers with.

A network has one head a modality, named like it, and the head `joint` on all
of them. A model answers with each head, with means of heads (a new answer of
this kind is one line in `MEANS`), and with the pool of those that were
trained. An answer means something where the heads
that it is made of were trained to the end: the towers of others have moved
on. Loads no Keras.
"""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

JOINT = "joint"  # the head on all modalities
BLEND = "blend"
POOL = "pool"
ENSEMBLE = "ensemble"


class Mean(NamedTuple):
    """An answer that is a mean of heads.

    Attributes:
        words: What it stands for.
        with_joint: Whether it is of all heads; if not, of those of modalities.
    """

    words: str
    with_joint: bool


MEANS = {
    BLEND: Mean("mean of all heads' probabilities", with_joint=True),
    ENSEMBLE: Mean("mean of the modality heads' probabilities", False),
}
COMBINED = (*MEANS, POOL)  # the answers that several heads make
# The answers that `joint` is part of where it was trained.
FUSED = (
    JOINT,
    *[name for name, mean in MEANS.items() if mean.with_joint],
    POOL,
)
# Answer -> what it stands for. The head of a modality explains itself.
MEANINGS = {
    JOINT: "the fused head, the paper's answer",
    **{name: mean.words for name, mean in MEANS.items()},
    POOL: "calibrated product of the trained heads",
}


def meaning(answer: str) -> str:
    """Returns what an answer stands for; "" for the head of a modality.

    Example:
        >>> from gblend_keras import heads
        >>> heads.meaning("blend")
        "mean of all heads' probabilities"
    """
    return MEANINGS.get(answer, "")


def computed_answers(modality_heads: Sequence[str]) -> list[str]:
    """Returns every answer of a network, in the order of accuracies in files.

    Args:
        modality_heads: The heads beside `joint`, in the network's order.

    Example:
        >>> from gblend_keras import heads
        >>> heads.computed_answers(["rgb", "audio"])
        ['rgb', 'audio', 'ensemble', 'joint', 'blend', 'pool']
    """
    alone = [name for name in MEANS if name not in FUSED]
    return [*modality_heads, *alone, *FUSED]


def all_answers(
    trained: Sequence[str],
    heads: Sequence[str],
    measured: Collection[str] | None = None,
) -> list[str]:
    """Returns every answer of a run that means something, the main one first.

    A single head answers by itself. Of several, each head answers, their
    pool, and each mean whose heads were all trained to the end.

    Args:
        trained: The heads that were trained to the end.
        heads: All heads of the network.
        measured: The answers that there are numbers of; None for all. A run
            of an earlier version has no pool.

    Example:
        >>> from gblend_keras import heads
        >>> heads.all_answers(["rgb", "audio"], ["rgb", "audio", "joint"])
        ['pool', 'rgb', 'audio', 'ensemble']
    """
    if len(trained) < 2:
        return list(trained)
    alone = {head for head in heads if head != JOINT}
    known = {
        name
        for name, mean in MEANS.items()
        if (set(heads) if mean.with_joint else alone) <= set(trained)
    } | {*trained, POOL}
    found = [
        *[name for name in FUSED if name in known],
        *[head for head in trained if head != JOINT],
        *[name for name in MEANS if name in known and name not in FUSED],
    ]
    if measured is not None:
        found = [answer for answer in found if answer in measured]
    main = main_answer(found)
    return [main, *[answer for answer in found if answer != main]]


def answers_of(summary: Mapping[str, Any]) -> list[str]:
    """Returns what a finished run answers with, as `all_answers` does.

    Args:
        summary: Its `summary.json`.
    """
    return all_answers(
        summary["answering_heads"],
        list(summary["blend_weights"]),
        summary["accuracy"],
    )


def main_answer(answers: Sequence[str]) -> str:
    """Returns the answer that stands for a run, and that tuning goes by.

    The pool of the heads that were trained. Without one, in runs of earlier
    versions or where one head was trained: `joint`, the paper's answer; else
    the ensemble; else the only head.

    Args:
        answers: What the run answers with.
    """
    found = [name for name in (POOL, JOINT, ENSEMBLE) if name in answers]
    return found[0] if found else answers[0]


def reported_answers(answers: Sequence[str]) -> list[str]:
    """Returns the answers of a run that have rows of their own in tables.

    A method that trains `joint` alone, at least in the end, is reported with
    it; one that trains every head with `joint`, `blend` and `pool`; modalities
    side by side with each of them, and then with their ensemble and pool.

    Args:
        answers: What the run answers with.

    Example:
        >>> from gblend_keras import heads
        >>> heads.reported_answers(["joint", "blend", "pool", "rgb", "audio"])
        ['joint', 'blend', 'pool']
        >>> heads.reported_answers(["pool", "rgb", "audio", "ensemble"])
        ['rgb', 'audio', 'ensemble', 'pool']
    """
    if JOINT in answers:
        return [answer for answer in FUSED if answer in answers]
    return [
        *[answer for answer in answers if answer not in COMBINED],
        *[answer for answer in COMBINED if answer in answers],
    ]
