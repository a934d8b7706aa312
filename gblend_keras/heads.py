"""Heads and answers: their names, their words, and what a run answers with.

A network has one head a modality, and the head `joint`. A model answers with
each head, and with what it makes of several heads: a new answer of this kind
is one line in `MEANINGS`. Loads no Keras.
"""

from collections.abc import Collection
from collections.abc import Sequence

JOINT = "joint"  # the head on all modalities
BLEND = "blend"
ENSEMBLE = "ensemble"
AVAILABLE = "available"

# Answer -> what it stands for. The head of a modality explains itself.
MEANINGS = {
    JOINT: "the fused head, the paper's answer",
    BLEND: "mean of all heads' probabilities",
    ENSEMBLE: "mean of the modality heads' probabilities",
    AVAILABLE: "mean of the trained heads' logits",
}


def meaning(answer: str) -> str:
    """Returns what an answer stands for; "" for the head of a modality.

    Example:
        >>> from gblend_keras import heads
        >>> heads.meaning("blend")
        "mean of all heads' probabilities"
    """
    return MEANINGS.get(answer, "")


def reported_answers(trained: Sequence[str]) -> list[str]:
    """Returns what a run answers with, as tables report it.

    A method that trains `joint` alone, at least in the end, answers with it;
    one that trains every head with `joint` (the paper's answer) and with
    `blend`, the mean of the heads; modalities side by side with each of them,
    and with their ensemble.

    Args:
        trained: The heads that were trained to the end.

    Example:
        >>> from gblend_keras import heads
        >>> heads.reported_answers(["rgb", "audio", "joint"])
        ['joint', 'blend']
        >>> heads.reported_answers(["rgb", "audio"])
        ['rgb', 'audio', 'ensemble']
    """
    if len(trained) == 1:
        return list(trained)
    return [JOINT, BLEND] if JOINT in trained else [*trained, ENSEMBLE]


def main_answer(trained: Sequence[str]) -> str:
    """Returns the answer that tuning goes by, and that a page begins with.

    Args:
        trained: The heads that were trained to the end.
    """
    found = reported_answers(trained)
    return JOINT if JOINT in found else found[-1]


def all_answers(trained: Sequence[str], heads: Collection[str]) -> list[str]:
    """Returns every answer of a run that means something, the main one first.

    Heads that were not trained to the end have an accuracy, too, and it means
    nothing; nor does a mean that they are part of.

    Args:
        trained: The heads that were trained to the end.
        heads: All heads of the network.
    """
    main = main_answer(trained)
    rest = [head for head in trained if head != main]
    if len(trained) == 1 or main == ENSEMBLE:
        return [main, *rest]
    if set(trained) == set(heads):
        return [main, BLEND, *rest, ENSEMBLE]
    return [main, *rest]
