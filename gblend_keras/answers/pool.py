"""The pool of heads: their product, each to the power of its exponent."""

import functools
import itertools
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from gblend_keras.answers.exponents import SUM
from gblend_keras.heads import JOINT

SMOOTHING = 0.05  # how sure a head can be at most
# With more modalities only the pool of all of them is calibrated.
MOST_MODALITIES = 6


def evidence(logits: Any, *, multi_label: bool) -> Any:
    """Computes what a head adds to a pool, float32.

        q_h = log((1 - s) p_h + s / C),    s = 0.05

    With several classes an example, the logit of `(1 - s) p_h + s / 2`.
    Ours: the smoothing bounds what one over-confident head can do.

    Args:
        logits: Those of a head, shape `(..., C)`.
        multi_label: Whether an example may have several classes.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.answers import pool
        >>> found = pool.evidence(np.array([0.0, 1000.0]), multi_label=False)
        >>> np.asarray(found).round(2).tolist()
        [-3.69, -0.03]
    """
    activation = ops.sigmoid if multi_label else ops.softmax
    p = activation(ops.cast(logits, "float32"))
    return evidence_of(p, multi_label=multi_label)


def evidence_of(probabilities: Any, *, multi_label: bool) -> Any:
    """Computes the same from what a head says, shape `(..., C)`."""
    if multi_label:
        p = (1 - SMOOTHING) * probabilities + SMOOTHING / 2
        return ops.log(p) - ops.log(1 - p)
    share = SMOOTHING / probabilities.shape[-1]
    return ops.log((1 - SMOOTHING) * probabilities + share)


def log_mean(logits: Sequence[Any], *, multi_label: bool) -> Any:
    """Pools heads with equal exponents that sum to 1; returns logits.

        z = mean_h q_h

    Args:
        logits: Those of each head, shape `(batch, num_classes)`.
        multi_label: Whether an example may have several classes.
    """
    found = [evidence(each, multi_label=multi_label) for each in logits]
    return functools.reduce(ops.add, found) / len(found)


def pooled(
    logits: Mapping[str, Any],
    exponents: Mapping[str, Any],
    *,
    multi_label: bool,
) -> Any:
    """Computes the probabilities of a pool, `(batch, num_classes)`.

        p = softmax(sum_h a_h q_h)

    Args:
        logits: `{head: (batch, num_classes)}`, of these heads at least.
        exponents: `{head: a_h}`.
        multi_label: Sigmoid instead of softmax.

    Returns:
        The probabilities. A single head with exponent 1 answers as it is.
    """
    activation = ops.sigmoid if multi_label else ops.softmax
    if len(exponents) == 1:
        ((head, exponent),) = exponents.items()
        if isinstance(exponent, float) and exponent == 1:
            return activation(ops.cast(logits[head], "float32"))
    terms = [
        exponent * evidence(logits[head], multi_label=multi_label)
        for head, exponent in exponents.items()
    ]
    return activation(functools.reduce(ops.add, terms))


def pooled_from(
    said: Mapping[str, npt.ArrayLike],
    exponents: Mapping[str, float],
    *,
    multi_label: bool,
) -> npt.NDArray[np.float64]:
    """Computes the same from probabilities, in float64.

    Of several views of an example, the mean of each head comes first. Pooling
    each view and then averaging came out equal or worse (docs/answers.md).

    Args:
        said: `{head: probabilities (batch, num_classes)}`, of these heads at
            least.
        exponents: `{head: a_h}`.
        multi_label: Sigmoid instead of softmax.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.answers import pool
        >>> said = {"a": np.array([[0.9, 0.1]]), "b": np.array([[0.5, 0.5]])}
        >>> found = pool.pooled_from(
        ...     said, {"a": 1.0, "b": 1.0}, multi_label=False
        ... )
        >>> found.round(2).tolist()
        [[0.88, 0.12]]
    """
    if len(exponents) == 1 and set(exponents.values()) == {1.0}:
        return np.asarray(said[next(iter(exponents))], np.float64)
    terms = [
        exponent
        * evidence_of(
            np.asarray(said[head], np.float64), multi_label=multi_label
        )
        for head, exponent in exponents.items()
    ]
    activation = ops.sigmoid if multi_label else ops.softmax
    answer = activation(functools.reduce(ops.add, terms))
    return np.asarray(ops.convert_to_numpy(answer), np.float64)


class Pool:
    """The exponents of a model's heads, kept in a variable of it.

        p = softmax(z),    z = sum_h a_h q_h,    a_h >= 0

    There is a row of exponents for each set of modalities that may be there;
    a row of zeros has not been set: the heads that answer then have equal
    exponents that sum to `exponents.SUM`, and the pool is their log-mean,
    sharpened. With more than `MOST_MODALITIES` there is one row, for all of
    them.

    Args:
        model: Gets the variable.
        head_names: The heads, in order.
        modalities: The inputs of the network, in order.

    Attributes:
        subsets: The sets of modalities that have a row; the first is all.
        variable: Shape `(len(subsets), H)`, float32, not trainable.
    """

    def __init__(
        self,
        model: keras.Model,
        head_names: Sequence[str],
        modalities: Sequence[str],
    ) -> None:
        self._head_names = list(head_names)
        few = len(modalities) <= MOST_MODALITIES
        num_smaller = len(modalities) - 1 if few else 0
        self.subsets = [
            subset
            for absent in range(num_smaller + 1)
            for subset in itertools.combinations(
                modalities, len(modalities) - absent
            )
        ]
        self.variable = model.add_weight(
            name="pool_exponents",
            shape=(len(self.subsets), len(head_names)),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    @property
    def is_set(self) -> bool:
        """Whether exponents for all modalities have been assigned."""
        return bool(ops.convert_to_numpy(self.variable)[0].any())

    def exponents(
        self, heads: Sequence[str], present: Collection[str] | None = None
    ) -> dict[str, float]:
        """Returns `{head: exponent}` as they are now.

        Args:
            heads: Those that answer.
            present: The modalities that are there; None for all.
        """
        mask = np.array([float(head in heads) for head in self._head_names])
        powers = self._powers(mask, self._row(present))
        found = map(float, ops.convert_to_numpy(powers))
        named = dict(zip(self._head_names, found, strict=True))
        return {head: named[head] for head in heads}

    def rows(self) -> dict[tuple[str, ...], npt.NDArray[np.float64]]:
        """Returns what was set: `{subset: exponents (H,)}`."""
        values = ops.convert_to_numpy(self.variable)
        return {
            subset: row.astype(np.float64)
            for subset, row in zip(self.subsets, values, strict=True)
            if row.any()
        }

    def assign(self, rows: Mapping[tuple[str, ...], npt.ArrayLike]) -> None:
        """Sets exponents; of subsets that are not given, none.

        Args:
            rows: `{subset: exponents (H,)}`, each >= 0.
        """
        values = np.zeros(tuple(self.variable.shape), np.float32)
        for subset, exponents in rows.items():
            values[self.subsets.index(subset)] = exponents
        self.variable.assign(values)

    def answer(
        self, logits: Mapping[str, Any], answering: Any, *, multi_label: bool
    ) -> Any:
        """Pools heads inside a step; see `pooled`.

        Args:
            logits: `{head: (batch, num_classes)}` of all heads.
            answering: Which of them answer, shape `(H,)`: true or false.
            multi_label: Whether an example may have several classes.
        """
        powers = self._powers(ops.cast(answering, "float32"), 0)
        named = {
            head: powers[index] for index, head in enumerate(self._head_names)
        }
        return pooled(logits, named, multi_label=multi_label)

    def _row(self, present: Collection[str] | None) -> int:
        """Returns the row of a set of modalities; -1 where it has none."""
        everything = self.subsets[0]
        subset = tuple(
            name for name in everything if present is None or name in present
        )
        return self.subsets.index(subset) if subset in self.subsets else -1

    def _powers(self, mask: Any, row: int) -> Any:
        """Returns the exponents `(H,)` of the heads that answer.

        Args:
            mask: 1 for these, 0 for others.
            row: Of the variable; below 0 for a subset without one.
        """
        mask = ops.cast(mask, "float32")
        count = ops.sum(mask)
        together = ops.where(count > 1, SUM, 1.0)
        equal = mask * together / ops.maximum(count, 1.0)
        if row < 0:
            return equal
        found = ops.convert_to_tensor(self.variable)[row] * mask
        return ops.where(ops.sum(found) > 0, found, equal)


def answering_heads(model: Any, present: Collection[str]) -> list[str]:
    """Returns the heads that answer from these modalities.

    See `blending.missing_modalities.Answer`.
    """
    return heads_for(model, present, trained(model.blend_weights))


def trained(weights: Mapping[str, float]) -> list[str]:
    """Returns the heads that blend weights train: those above 0."""
    return [head for head, weight in weights.items() if weight > 0]


def heads_for(
    model: Any, present: Collection[str], known: Collection[str]
) -> list[str]:
    """Returns the heads that answer, of those that are trained.

    Args:
        model: A `BlendedModel`.
        present: The modalities that are there.
        known: Names of the heads that are trained.
    """
    own = [head for head in model.modality_heads if head in present]
    answering = [head for head in own if head in known]
    if set(present) == set(model.network.input) and JOINT in known:
        answering.append(JOINT)
    if answering:
        return answering
    return [JOINT] if JOINT in known or not own else own
