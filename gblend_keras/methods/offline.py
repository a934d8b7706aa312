"""offline: Gradient-Blending, with one estimate before training.

    loss = loss_scale * sum_h w_h L_h,    w_h ~ max(G_h, 0) / O_h**2

Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 2.
Ours: see `callbacks.GradientBlending`.
Cost: 3 trainings: 2 inside the estimate (k + 1 where towers are joined before
the modality heads; as often as there are `blend.folds`).
"""

from typing import Any

from gblend_keras.blending.estimators.estimator import Estimator
from gblend_keras.blending.estimators.retrain import Retrain
from gblend_keras.callbacks import gradient_blending
from gblend_keras.data import datasets
from gblend_keras.data import holdout
from gblend_keras.data import sources
from gblend_keras.methods import base
from gblend_keras.runs import directory


def method() -> base.Method:
    """Returns offline Gradient-Blending with the recipe's settings."""

    def data(run: base.ReadyRun) -> base.TrainingData:
        return blended(run, online=False)

    return base.Method(data=data)


def blended(
    run: base.ReadyRun,
    *,
    online: bool,
    estimator: Estimator | None = None,
) -> base.TrainingData:
    """Returns T, and the callback that estimates the blend.

    Args:
        run: What is trained.
        online: Whether each super-epoch begins with an estimate.
        estimator: None for the paper's, with the recipe's settings.
    """
    settings = run.recipe.blend
    train, folds = _divided(run, online)
    callback = gradient_blending.GradientBlending(
        train,
        super_epochs=(
            (settings.first_super_epoch, settings.super_epoch)
            if online
            else None
        ),
        folds=folds,
        history_path=run.workdir / directory.HISTORY,
        estimator=estimator or Retrain(settings.settings(run.seed)),
    )
    callback.verbose = run.verbose

    def report() -> dict[str, Any]:
        estimates = callback.estimates
        return {
            "examples_trained_in_estimates": sum(
                estimate.examples_trained for estimate in estimates
            ),
            "examples_measured_in_estimates": sum(
                estimate.examples_measured for estimate in estimates
            ),
            "seconds_in_estimates": round(
                sum(estimate.seconds for estimate in estimates), 1
            ),
        }

    return base.TrainingData(train, [callback], report)


def _divided(
    run: base.ReadyRun, online: bool
) -> tuple[Any, list[sources.IntArray] | None]:
    """Returns the training set, with V or with folds."""
    settings = run.recipe.blend
    groups = run.groups("holdout_by_group" if online else "offline_by_group")
    if settings.folds and not online:
        folds = holdout.fold_indices(
            run.train.y, folds=settings.folds, groups=groups, seed=run.seed
        )
        everything = datasets.make_training_dataset(
            run.train,
            batch_size=run.recipe.data.batch_size,
            seed=run.seed,
            groups=groups,
        )
        return everything, folds
    divided = datasets.split_holdout(
        run.train,
        settings.holdout_fraction if online else settings.offline_fraction,
        seed=run.seed,
        groups=groups,
        batch_size=run.recipe.data.batch_size,
    )
    return divided, None
