"""Retrain, the paper's estimator: each head learns alone, and is measured."""

from collections.abc import Sequence

from gblend_keras.blending import fit_arguments
from gblend_keras.blending import isolated_heads
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimators import _passes
from gblend_keras.blending.estimators import estimator
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division


class Retrain(estimator.Estimator):
    """Measures by training: each head alone for n epochs (the paper's way).

    Takes a snapshot, measures V and T' at epoch N, trains the heads in
    isolation (`isolated_heads.head_passes`), measures again at N+n, and puts
    the snapshot back: training goes on as if nothing had happened.

    Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 1.
    Ours: all modality heads in one pass where that is lawful; optimizer state
    and schedule go on from where training is; losses are measured in
    evaluation mode. Several divisions (folds) are pooled example by example.

    Args:
        settings: How G, O and the weights are computed; None for the
            defaults.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.BlendSettings(weight_floor=0.02)
        >>> gb.blending.Retrain(settings).settings.weight_floor
        0.02
    """

    @property
    def identity(self) -> object:
        """The settings alone, as in the histories of earlier versions."""
        return self.settings

    def estimate(
        self,
        model: BlendedModel,
        divisions: Sequence[Division],
        window: Window,
        fit_settings: fit_arguments.FitSettings,
        journal: Journal,
    ) -> BlendEstimate:
        """Trains each head alone; see `Estimator.estimate`."""
        groups = isolated_heads.head_passes(model)
        passes = [
            _passes.Pass(
                ", ".join(heads),
                isolated_heads.isolating_weights(model, heads),
                [model.head_names.index(head) for head in heads],
                evidence=True,
            )
            for heads in groups
        ]
        with _passes.Passes(
            model,
            window,
            fit_settings,
            measure=self.settings.measure,
            journal=journal,
            num_passes=len(passes) * len(divisions),
        ) as training:
            train, holdout = _passes.pooled(training.run(divisions, passes))
            said = training.held_out(divisions)
        estimate = estimator.conclude(
            model, self.settings, window, train, holdout
        )
        return training.with_cost(
            estimator.with_fitted_pool(estimate, model, said)
        )
