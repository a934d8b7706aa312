"""The tuning budget: the same tries for every method, on validation data."""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from gblend_keras import config
from gblend_keras.utils import optional

# How far a try may be from the recipe's value, as a factor either way. Ours:
# wide enough for a method whose loss is several times another's.
LEARNING_RATE_FACTOR = 10.0
WEIGHT_DECAY_FACTOR = 10.0
# What stands for a recipe's weight decay of 0, which no factor moves.
USUAL_WEIGHT_DECAY = 1e-3


class Candidate(NamedTuple):
    """What one try sets.

    Attributes:
        learning_rate: At the start.
        weight_decay: `TrainConfig.weight_decay`, or `l2` of a recipe that has
            that instead.
    """

    learning_rate: float
    weight_decay: float


class Choice(NamedTuple):
    """What a method's tries have chosen.

    Attributes:
        candidate: The values.
        number: Which try, from 0.
        accuracy: On the validation split, at the last epoch.
        epochs: `{answer: epoch, from 0}` where each answer was best on the
            validation split, in that try.
    """

    candidate: Candidate
    number: int
    accuracy: float
    epochs: dict[str, int]


def candidates(
    settings: config.TrainConfig, count: int, *, seed: int = 0
) -> list[Candidate]:
    """Draws the tries, the same for every method.

    The first is the recipe's own, so that tuning cannot choose worse on the
    validation split. The others are a Halton sequence of logarithms, up to a
    factor of 10 either way: a few of them cover both ranges, which as many
    independent draws do not. A weight decay of 0 is replaced by 0.001 as
    their centre. More tries begin with the same ones as fewer.

    Args:
        settings: The recipe's.
        count: How many tries.
        seed: Seeds the draw.

    Returns:
        `count` tries.
    """
    own = Candidate(
        settings.learning_rate, getattr(settings, _decay_field(settings))
    )
    decay = own.weight_decay or USUAL_WEIGHT_DECAY
    drawn = [
        Candidate(
            _near(settings.learning_rate, LEARNING_RATE_FACTOR, rate_place),
            min(_near(decay, WEIGHT_DECAY_FACTOR, decay_place), 1.0),
        )
        for rate_place, decay_place in _places(count - 1, seed)
    ]
    return [own, *drawn][:count]


def with_candidate(
    recipe: config.Recipe, candidate: Candidate
) -> config.Recipe:
    """Returns the recipe with a try's values."""
    changes: dict[str, Any] = {
        "learning_rate": candidate.learning_rate,
        _decay_field(recipe.train): candidate.weight_decay,
    }
    return dataclasses.replace(
        recipe, train=dataclasses.replace(recipe.train, **changes)
    )


def on_validation(recipe: config.Recipe) -> config.Recipe:
    """Returns the recipe as a try runs it: the test split is not touched."""
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, evaluate_on="validation"),
    )


def choose(
    tried: Mapping[int, tuple[Candidate, float, dict[str, int]]],
) -> Choice | None:
    """Chooses the try with the highest validation accuracy.

    Among equal ones the earliest wins, so the recipe's own values stay where
    nothing was better.

    Args:
        tried: `{try: (values, accuracy, best epoch of each answer)}` of the
            tries that finished.

    Returns:
        The choice; None if no try finished.
    """
    best: Choice | None = None
    for number in sorted(tried):
        candidate, accuracy, epochs = tried[number]
        if best is None or accuracy > best.accuracy:
            best = Choice(candidate, number, accuracy, epochs)
    return best


def best_epoch(rows: Sequence[Mapping[str, Any]], column: str) -> int | None:
    """Finds the first epoch with the highest value of a column.

    Args:
        rows: Of `metrics.csv`.
        column: Its name.

    Returns:
        The epoch, from 0; None if the column is not there.
    """
    values = [
        (float(row[column]), -int(row["epoch"]))
        for row in rows
        if row.get(column)
    ]
    return -max(values)[1] if values else None


def _decay_field(settings: config.TrainConfig) -> str:
    """Names the weight decay that a recipe uses."""
    uses_l2 = settings.l2 > 0 and settings.weight_decay == 0
    return "l2" if uses_l2 else "weight_decay"


def _places(count: int, seed: int) -> Any:
    """Returns a shifted Halton sequence: points of the unit square.

    The shift is the seed's (Cranley & Patterson, SIAM J. Numer. Anal. 13,
    1976).
    """
    qmc = optional.load("scipy.stats.qmc", extra="eval", purpose="Tuning")
    shift = np.random.default_rng(seed).uniform(size=2)
    points = qmc.Halton(2, scramble=False).random(max(count, 0))
    return ((points + shift) % 1.0).tolist()


def _near(value: float, factor: float, place: float) -> float:
    """Returns the value at a place of `[value / factor, value * factor]`.

    Places go from 0 to 1, evenly in the logarithm.
    """
    found = value * factor ** (2.0 * place - 1.0)
    digits = 2 - math.floor(math.log10(found))  # three figures, to be read
    return round(found, digits)
