"""Calibration: exponents of the pool, from examples that were held out."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.answers import exponents
from gblend_keras.answers import pool
from gblend_keras.answers.exponents import FloatArray
from gblend_keras.heads import JOINT

Rows = dict[tuple[str, ...], FloatArray]  # the exponents of a set of modalities


class Calibration(NamedTuple):
    """What calibrating a model came to.

    Attributes:
        num_examples: That the exponents were fitted on.
        exponents: `{head: exponent}` where all modalities are there.
        log_mean_loss: Mean negative log-likelihood of these examples, in
            nats, under equal exponents: what nothing had been known would do.
        pool_loss: The same after it, on the examples of the fit.
        cross_validated: The same and the accuracy on parts that were left out
            of the fit; None where there are not two.
    """

    num_examples: int
    exponents: dict[str, float]
    log_mean_loss: float
    pool_loss: float
    cross_validated: exponents.CrossValidated | None

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values."""
        judged = self.cross_validated
        return {
            **self._asdict(),
            "cross_validated": judged and judged._asdict(),
        }

    def summary(self) -> str:
        """Returns what came of it, as a sentence."""
        powers = exponents.in_words(self.exponents)
        text = (
            f"Pool calibrated on {self.num_examples} examples ({powers}): "
            f"loss {self.pool_loss:.2f} instead of {self.log_mean_loss:.2f} "
            "nats"
        )
        if self.cross_validated is not None:
            text += f", {self.cross_validated.loss:.2f} cross-validated"
        return f"{text}."


def check_arrays(
    y: Any, sample_weight: Any, groups: npt.ArrayLike | None
) -> None:
    """Raises unless weights and groups fit labels that are arrays.

    Raises:
        ValueError: If not.
    """
    count = len(np.asarray(y))
    if groups is not None:
        check_groups(groups, count)
    if sample_weight is not None and not (np.asarray(sample_weight) > 0).any():
        raise exponents.no_weight(count)


def check_groups(groups: npt.ArrayLike, num_examples: int) -> None:
    """Raises unless there is one group an example."""
    given = len(np.asarray(groups))
    if given != num_examples:
        raise ValueError(
            "`groups` differs in length. Expected one entry an example, "
            f"{num_examples}. Received: {given}. "
            "Pass the group of each example."
        )


def calibrate(model: Any, held_out: exponents.Heldout) -> Calibration:
    """Fits and assigns the exponents of every set of modalities.

    Args:
        model: A `BlendedModel`.
        held_out: What all its heads say of examples that they were not
            trained on.

    Raises:
        ValueError: If no example has a positive weight.
    """
    rows = fit_rows(model, held_out, pool.trained(model.blend_weights))
    model.pool.assign(rows)
    heads = pool.answering_heads(model, model.pool.subsets[0])
    places = [model.head_names.index(head) for head in heads]
    answering = held_out.of(heads=places)
    found = rows[model.pool.subsets[0]][places]
    equal = exponents.equal(len(places))
    return Calibration(
        num_examples=len(held_out.labels),
        exponents=dict(zip(heads, map(float, found), strict=True)),
        log_mean_loss=_mean_loss(answering, equal),
        pool_loss=_mean_loss(answering, found),
        cross_validated=exponents.cross_validate(answering),
    )


def fit_rows(
    model: Any, held_out: exponents.Heldout, trained: Collection[str]
) -> Rows:
    """Fits the exponents of every set of modalities: `Pool.assign` takes them.

    Args:
        model: A `BlendedModel`; its heads and modalities are used.
        held_out: What all its heads say.
        trained: The heads that are trained.

    Raises:
        ValueError: If no example has a positive weight.
    """
    return _rows(
        model,
        trained,
        lambda places: exponents.fit(held_out.of(heads=places)),
    )


def share_rows(
    model: Any, shares: FloatArray, trained: Collection[str]
) -> Rows:
    """Computes the same from how much of what heads learn generalises.

    Args:
        model: A `BlendedModel`; its heads and modalities are used.
        shares: F of each head, shape `(H,)`; see `exponents.from_shares`.
        trained: The heads that are trained.
    """
    return _rows(
        model, trained, lambda places: exponents.from_shares(shares[places])
    )


def _rows(
    model: Any,
    trained: Collection[str],
    exponents_of: Callable[[list[int]], FloatArray],
) -> Rows:
    rows: Rows = {}
    for subset in model.pool.subsets:
        heads = pool.heads_for(model, subset, trained)
        if JOINT in heads and subset != model.pool.subsets[0]:
            continue  # what it says with something missing was not measured
        places = [model.head_names.index(head) for head in heads]
        rows[subset] = np.zeros(len(model.head_names))
        rows[subset][places] = exponents_of(places)
    return rows


def _mean_loss(held_out: exponents.Heldout, powers: FloatArray) -> float:
    losses = exponents.losses(held_out, powers)
    return float(np.average(losses, weights=held_out.weight))


def to_json(
    rows: Mapping[tuple[str, ...], FloatArray], head_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns the exponents of every set of modalities as plain values.

    Args:
        rows: As `fit_rows` returns them.
        head_names: The heads, in order.

    Returns:
        `[{"modalities": [...], "exponents": {head: exponent}}, ...]`; heads
        that do not answer are left out where others do.
    """
    return [
        {
            "modalities": list(subset),
            "exponents": {
                head: float(power)
                for head, power in zip(head_names, powers, strict=True)
                if power > 0 or head in subset
            },
        }
        for subset, powers in rows.items()
    ]


def assign(model: Any, found: Sequence[Mapping[str, Any]]) -> None:
    """Assigns the exponents that `to_json` returned."""
    model.pool.assign(
        {
            tuple(each["modalities"]): [
                each["exponents"].get(head, 0.0) for head in model.head_names
            ]
            for each in found
        }
    )
