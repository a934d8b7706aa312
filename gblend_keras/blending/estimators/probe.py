"""Probe: weights from a short look, which are used if they prove better."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gblend_keras import config
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import ogr
from gblend_keras.blending.estimate import ANSWERS
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate import Proof
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimators import _passes
from gblend_keras.blending.estimators import estimator
from gblend_keras.blending.loss_changes import FloatArray
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.blending.loss_changes import changes
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division

# What answers are sharpened by: one number makes up for training that has only
# begun.
EXPONENTS = tuple(float(2**power) for power in np.arange(-2, 4.5, 0.5))


class Probe(estimator.Estimator):
    """Probes, weighs and proves: a tenth of the price of the paper's estimate.

    1. Probe: trains all heads together, with equal weights, for a share of
       the epochs, and measures V and T' before and after.
    2. Weigh: `ogr.share_weights` of what was measured.
    3. Prove: trains the same share with these weights, from the same state
       and as fast as with equal ones, and compares the losses of V under two
       answers, each at its best exponent: the joint head, and the log-mean of
       the heads. Weights that make neither better than equal ones do are not
       used.

    As fast: with the loss scale of equal weights. The scale that follows from
    uneven weights trains less in all, which early on is all that would show.

    All heads train in one pass: nothing is isolated, so it does not matter
    whether towers share variables. The model is put back each time: the
    damage that weights avoid is done early.

    Ours. Source of G, O and the idea: Wang, Tran & Feiszli, CVPR 2020.

    Args:
        settings: The floors of the weights and the seed; None for the
            defaults.
        share: Of the epochs that the weights are for, how many each of the
            two passes trains, rounded down to whole epochs. Less than an epoch
            is a part of one.
        power: How sharply the weights follow the shares that generalise.
        prove: Whether weights must prove better than equal ones; if not,
            there is one pass.

    Raises:
        ValueError: If `share` or `power` is out of range, or the settings ask
            for what only the paper's estimator does.

    Example:
        >>> import gblend_keras as gb
        >>> gb.blending.Probe(share=1 / 8).share
        0.125
    """

    def __init__(
        self,
        settings: config.BlendSettings | None = None,
        *,
        share: float = 1 / 20,
        power: float = 2.0,
        prove: bool = True,
    ) -> None:
        super().__init__(settings)
        if not 0 < share <= 1:
            raise ValueError(
                "`share` is out of range. Expected a number in (0, 1]. "
                f"Received: share={share}. 1/20 costs a tenth of training."
            )
        config.check_range("power", power, 0.0, 100.0)
        if self.settings.measure != "loss":
            raise ValueError(
                "`measure` does not suit a probe, which compares losses. "
                f"Expected 'loss'. Received: {self.settings.measure!r}. "
                "Leave it out, or use the paper's estimator, `Retrain`."
            )
        self.share = share
        self.power = power
        self.prove = prove

    @property
    def identity(self) -> object:
        """The settings and what else the weights depend on."""
        how = (self.share, self.power, self.prove)
        return (type(self).__name__, self.settings, *how)

    def estimate(
        self,
        model: BlendedModel,
        divisions: Sequence[Division],
        window: Window,
        fit_settings: fit_arguments.FitSettings,
        journal: Journal,
    ) -> BlendEstimate:
        """Probes, weighs and proves; see `Estimator.estimate`."""
        heads = model.head_names
        equal = np.full(len(heads), 1 / len(heads))
        length, fit_settings = self._length(window, fit_settings, divisions[0])
        with _passes.Passes(
            model,
            Window(window.epoch, length),
            fit_settings,
            measure="loss",
            exponents=EXPONENTS,
            journal=journal,
            num_passes=(1 + self.prove) * len(divisions),
        ) as training:
            probe = _passes.Pass("equal weights", equal)
            train, holdout = _passes.pooled(training.run(divisions, [probe]))
            estimate = estimator.conclude(
                model,
                self.settings,
                window,
                _of_heads(train, heads),
                _of_heads(holdout, heads),
                weighed=self.weigh(
                    _of_heads(train, heads), _of_heads(holdout, heads), heads
                ),
            )
            estimate = dataclasses.replace(
                estimate,
                estimator="probe",
                probe=_in_words(length, fit_settings.steps_per_epoch),
            )
            if self.prove:
                proof = _passes.Pass(
                    "measured weights",
                    [estimate.weights[head] for head in heads],
                    holdout_only=True,
                    scale=model.head_weights.scale_of_equal_weights,
                    may_diverge=True,
                )
                _, proved = _passes.pooled(training.run(divisions, [proof]))
                estimate = _proved(estimate, holdout, proved)
        estimate = estimator.with_share_pool(estimate, model)
        return training.with_cost(estimate)

    def weigh(
        self, train: Losses, holdout: Losses, heads: Sequence[str]
    ) -> tuple[FloatArray, FloatArray]:
        """Computes the weights that are tried: see `ogr.share_weights`.

        Args:
            train: Losses on T' around the probe.
            holdout: Losses on V.
            heads: Names of the heads, as in the losses.

        Returns:
            The weights `(H,)`, and those of each bootstrap sample.
        """
        return ogr.share_weights(
            train,
            holdout,
            floor=[*self.settings.floors(heads).values()],
            power=self.power,
            num_samples=self.settings.bootstrap_samples,
            seed=self.settings.seed,
        )

    def _length(
        self,
        window: Window,
        settings: fit_arguments.FitSettings,
        division: Division,
    ) -> tuple[int, fit_arguments.FitSettings]:
        """Returns how many epochs a pass trains, and of how many steps."""
        wanted = self.share * window.num_epochs
        steps = settings.steps_per_epoch or _passes.num_steps(division)
        if wanted >= 1 or steps is None:
            return max(1, int(wanted)), settings
        part = max(1, math.ceil(wanted * steps))
        return 1, settings._replace(steps_per_epoch=part)


def _of_heads(losses: Losses, heads: Sequence[str]) -> Losses:
    """Leaves out what is measured beside the heads."""
    num = len(heads)
    return losses._replace(start=losses.start[:, :num], end=losses.end[:, :num])


def _proved(
    estimate: BlendEstimate, equal: Losses, weighted: Losses
) -> BlendEstimate:
    """Returns the estimate with equal weights, unless its own are better."""
    found = _proof(estimate.weights, equal, weighted)
    weights = estimate.weights
    if not found.passed:
        weights = dict.fromkeys(weights, 1 / len(weights))
    return dataclasses.replace(estimate, weights=weights, proof=found)


def _proof(weights: dict[str, float], equal: Losses, weighted: Losses) -> Proof:
    """Compares the answers of both passes on V.

    Args:
        weights: Those of the second pass.
        equal: Losses of V around the first pass.
        weighted: The same of the second pass.
    """
    diverged = not np.isfinite(weighted.end).all()
    if diverged:  # at up to half as many times the rate as there are heads
        weighted = equal
    before, after = (
        _calibrated(each, num_heads=len(weights)) for each in (equal, weighted)
    )
    difference = changes(equal._replace(start=before, end=after))  # paired

    def by_answer(values: FloatArray) -> dict[str, float]:
        return dict(zip(ANSWERS, map(float, values), strict=True))

    def mean(losses: FloatArray) -> FloatArray:
        nothing = np.zeros_like(losses)
        return changes(equal._replace(start=nothing, end=losses)).mean

    return Proof(
        weights=weights,
        equal_loss=by_answer(mean(before)),
        weighted_loss={} if diverged else by_answer(mean(after)),
        error={} if diverged else by_answer(np.sqrt(difference.squared_error)),
        passed=bool(difference.mean.min() < 0),
    )


def _calibrated(losses: Losses, *, num_heads: int) -> FloatArray:
    """Returns the losses of the answers, each at its best exponent.

    What trains slowly is unsure at first, and heads with little weight make
    their mean unsure: neither says what they will know in the end.

    Returns:
        Shape `(examples, 2)`: the joint head, and the log-mean of heads.
    """
    sharpened = losses.end[:, num_heads:]
    answers = sharpened.reshape(len(sharpened), len(EXPONENTS), len(ANSWERS))
    means = np.tensordot(losses.weight, answers, axes=1)
    best = means.argmin(axis=0)
    return np.take_along_axis(answers, best[None, None], axis=1)[:, 0]


def _in_words(num_epochs: int, steps: int | None) -> str:
    if num_epochs == 1 and steps is not None:
        return f"{steps} steps"
    return f"{num_epochs} epoch" + "s" * (num_epochs > 1)
