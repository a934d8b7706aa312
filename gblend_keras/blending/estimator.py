"""Estimates of the blend: what each head gains and overfits when alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import ogr
from gblend_keras.blending import passes
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.model import BlendedModel


class Retrain:
    """Measures by training: each head alone for n epochs (the paper's way).

    Takes a snapshot, measures V and T' at epoch N, trains the heads in
    isolation (`probe.head_passes`), measures again at N+n, and puts the
    snapshot back: training goes on as if nothing had happened.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 1.
    Ours: all modality heads in one pass where that is lawful; optimizer state
    and schedule go on from where training is; losses are measured in
    evaluation mode. Several rounds (folds) are pooled example by example.

    Args:
        settings: How G, O and the weights are computed.
    """

    def __init__(self, settings: config.BlendSettings) -> None:
        self.settings = settings

    def estimate(
        self,
        model: BlendedModel,
        rounds: Sequence[passes.Round],
        window: passes.Window,
        fit_settings: fit_arguments.FitSettings,
        journal: Journal | None = None,
    ) -> BlendEstimate:
        """Trains each head alone and computes the weights; leaves no trace.

        Args:
            model: The model inside whose `fit` this happens.
            rounds: Divisions of the training set; their losses are pooled.
            window: N and n.
            fit_settings: The settings of the outer `fit`.
            journal: Keeps how far the estimate is, so that a killed one goes
                on inside; None to keep nothing.

        Returns:
            The estimate. The model is as it was, blend weights included.
        """
        kept = journal or Journal(None)
        work = passes.Passes(
            model,
            window,
            fit_settings,
            measure=self.settings.measure,
            journal=kept,
        )
        done = work.run(rounds)
        train, holdout = map(_pooled, zip(*done.measured, strict=True))
        return self._conclude(
            model,
            (train, holdout),
            window,
            _Cost(
                num_passes=len(work.heads) * len(rounds),
                examples_trained=done.examples_trained,
                journal=kept,
            ),
        )

    def _conclude(
        self,
        model: BlendedModel,
        losses: tuple[ogr.Losses, ogr.Losses],
        window: passes.Window,
        cost: "_Cost",
    ) -> BlendEstimate:
        train, holdout = losses
        heads = model.head_names
        previous = [model.blend_weights[head] for head in heads]
        measured = ogr.measure(train, holdout)
        floors = list(self.settings.floors(heads).values())
        weights = ogr.blend_weights(
            measured.generalisation,
            measured.overfitting,
            overfitting_error=measured.overfitting_error,
            floor=floors,
            previous=previous,
        )
        drawn = ogr.bootstrap_weights(
            train,
            holdout,
            floor=floors,
            previous=previous,
            num_samples=self.settings.bootstrap_samples,
            seed=self.settings.seed,
        )
        kept_previous = bool((measured.generalisation <= 0).all())
        if self.settings.weights_from == "bootstrap" and not kept_previous:
            weights = drawn.mean(axis=0)
        intervals = ogr.weight_intervals(drawn)
        ratios = ogr.overfitting_to_generalisation(
            measured.generalisation, measured.overfitting
        )

        def by_head(values: npt.ArrayLike) -> dict[str, float]:
            numbers = np.asarray(values, np.float64).tolist()
            return dict(zip(heads, numbers, strict=True))

        return BlendEstimate(
            epoch=window.epoch,
            num_epochs=window.num_epochs,
            weights=by_head(weights),
            generalisation=by_head(measured.generalisation),
            overfitting=by_head(measured.overfitting),
            overfitting_error=by_head(measured.overfitting_error),
            ogr={
                head: ratio if np.isfinite(ratio) else None
                for head, ratio in by_head(ratios).items()
            },
            intervals={
                head: (float(low), float(high))
                for head, (low, high) in zip(heads, intervals, strict=True)
            },
            kept_previous=kept_previous,
            measure=self.settings.measure,
            num_holdout=len(holdout.start),
            num_passes=cost.num_passes,
            examples_trained=cost.examples_trained,
            seconds=cost.journal.seconds,  # with the intervals
        )


class _Cost(NamedTuple):
    num_passes: int
    examples_trained: int
    journal: Journal


def _pooled(parts: tuple[ogr.Losses, ...]) -> ogr.Losses:
    return ogr.Losses(
        *(np.concatenate(values) for values in zip(*parts, strict=True))
    )
