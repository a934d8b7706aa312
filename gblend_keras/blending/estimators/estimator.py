"""Estimator of the blend: the interface, and how every estimator concludes."""

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.answers import calibration
from gblend_keras.answers import pool
from gblend_keras.answers.exponents import Heldout
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import ogr
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.loss_changes import FloatArray
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.blending.loss_changes import num_groups
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division


class Estimator(abc.ABC):
    """A way to measure what each head gains and overfits.

    `GradientBlending(..., estimator=...)` asks it when an estimate is due.
    `Retrain` is the paper's. Another one measures in its own way and ends
    with `conclude`.

    Args:
        settings: How G, O and the weights are computed; None for the
            defaults.

    Example:
        An estimator that trains nothing: it compares each head with a guess.

        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> class SinceGuessing(gb.blending.Estimator):
        ...     def estimate(
        ...         self, model, divisions, window, fit_settings, journal
        ...     ):
        ...         (division,) = divisions  # there are several with folds
        ...         def losses(part):
        ...             end, weight = model.measure(part)
        ...             start = np.full_like(end, np.log(model.num_classes))
        ...             return gb.blending.Losses(start, end, weight)
        ...         train = losses(division.train_sample)  # on T'
        ...         holdout = losses(division.holdout)  # on V
        ...         return gb.blending.conclude(
        ...             model, self.settings, window, train, holdout
        ...         )
        >>> splits = gb.data.load(gb.recipes.get("digits").data, data_dir=None)
        >>> training_set = gb.split_holdout(splits.train, 0.1)
        >>> blend = gb.GradientBlending(training_set, estimator=SinceGuessing())
        >>> model = gb.zoo.load("digits_online")
        >>> list(blend.estimate(model, num_epochs=5).weights)
        ['image', 'sound', 'joint']
    """

    def __init__(self, settings: config.BlendSettings | None = None) -> None:
        self.settings = settings or config.BlendSettings()

    @property
    def identity(self) -> object:
        """A value whose `repr` tells estimators apart.

        A killed run takes over the estimates of an equal estimator alone. An
        estimator with arguments of its own adds them.
        """
        return (type(self).__name__, self.settings)

    def check(self, model: object) -> None:
        """Raises before training if the estimator does not suit the model.

        Raises:
            TypeError: If the model is no `BlendedModel`.
            ValueError: If the floors of the weights leave nothing to choose.
        """
        if not isinstance(model, BlendedModel):
            raise TypeError(
                "GradientBlending cannot serve this model. Expected a "
                f"BlendedModel. Received: {type(model).__name__}. "
                "Wrap the network: BlendedModel(network)."
            )
        floors = self.settings.floors(model.head_names)
        ogr.check_floor([*floors.values()], len(floors))

    @abc.abstractmethod
    def estimate(
        self,
        model: BlendedModel,
        divisions: Sequence[Division],
        window: Window,
        fit_settings: fit_arguments.FitSettings,
        journal: Journal,
    ) -> BlendEstimate:
        """Returns an estimate; the model is afterwards as it was.

        Args:
            model: The model inside whose `fit` this happens.
            divisions: Divisions of the training set into T, V and T'; their
                losses are pooled.
            window: N, the epochs trained so far, and n.
            fit_settings: The settings of the outer `fit`.
            journal: Keeps how far the estimate is, for a killed one.
        """


def with_fitted_pool(
    estimate: BlendEstimate, model: BlendedModel, held_out: Heldout | None
) -> BlendEstimate:
    """Returns an estimate with exponents of the pool, fitted on V.

    Args:
        estimate: Its weights say which heads will be trained.
        model: The model; not changed.
        held_out: What trained heads said of V; None where that is not known.
    """
    if held_out is None:
        return estimate
    trained = pool.trained(estimate.weights)
    rows = calibration.fit_rows(model, held_out, trained)
    return _with_pool(estimate, model, rows, source="estimate")


def with_share_pool(
    estimate: BlendEstimate, model: BlendedModel
) -> BlendEstimate:
    """Returns an estimate with exponents of the pool that follow from G and O.

    For a short look: heads that have only begun do not say V as they will in
    the end, but how much of what they learn generalises shows early.

    Args:
        estimate: Its G and O.
        model: The model; not changed.
    """
    shares = np.array([estimate.shares[head] for head in model.head_names])
    trained = pool.trained(estimate.weights)
    rows = calibration.share_rows(model, shares, trained)
    return _with_pool(estimate, model, rows, source="shares")


def _with_pool(
    estimate: BlendEstimate,
    model: BlendedModel,
    rows: calibration.Rows,
    *,
    source: str,
) -> BlendEstimate:
    return dataclasses.replace(
        estimate,
        pool=calibration.to_json(rows, model.head_names),
        pool_source=source,
    )


def conclude(
    model: BlendedModel,
    settings: config.BlendSettings,
    window: Window,
    train: Losses,
    holdout: Losses,
    *,
    weighed: tuple[FloatArray, FloatArray] | None = None,
) -> BlendEstimate:
    """Returns the estimate that follows from measured losses.

    Args:
        model: Its heads, and the weights that stay where no head generalised.
        settings: How G, O and the weights are computed.
        window: N and n.
        train: Losses of each example of T' under each head, at N and N+n.
        holdout: Losses of each example of V.
        weighed: The weights `(H,)`, and those of bootstrap samples
            `(samples, H)`; None for the paper's, of G and O.

    Returns:
        The estimate, its cost 0: whoever trained and measured puts it in.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> start = np.full((50, 3), 2.0)  # 50 examples, 3 heads
        >>> end = np.tile([1.5, 1.0, 1.0], (50, 1))
        >>> holdout = gb.blending.Losses(start, end, np.ones(50))
        >>> train = holdout._replace(end=end - [0.1, 0.1, 0.2])
        >>> window = gb.blending.Window(epoch=0, num_epochs=5)
        >>> found = gb.blending.conclude(
        ...     model, gb.BlendSettings(), window, train, holdout
        ... )
        >>> {head: round(weight, 2) for head, weight in found.weights.items()}
        {'image': 0.29, 'sound': 0.57, 'joint': 0.14}
    """
    heads = model.head_names
    previous = [model.blend_weights[head] for head in heads]
    measured = ogr.measure(train, holdout)
    kept_previous = False
    if weighed is not None:
        weights, drawn = weighed
    else:
        floors = list(settings.floors(heads).values())
        weights = ogr.blend_weights(
            measured.generalization,
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
            num_samples=settings.bootstrap_samples,
            seed=settings.seed,
        )
        kept_previous = bool((measured.generalization <= 0).all())
        if settings.weights_from == "bootstrap" and not kept_previous:
            weights = drawn.mean(axis=0)
    intervals = ogr.weight_intervals(drawn)
    ratios = ogr.overfitting_to_generalization(
        measured.generalization, measured.overfitting
    )

    def by_head(values: npt.ArrayLike) -> dict[str, float]:
        numbers = np.asarray(values, np.float64).tolist()
        return dict(zip(heads, numbers, strict=True))

    return BlendEstimate(
        epoch=window.epoch,
        num_epochs=window.num_epochs,
        weights=by_head(weights),
        generalization=by_head(measured.generalization),
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
        measure=settings.measure,
        num_holdout=len(holdout.start),
        num_groups=num_groups(holdout),
        num_passes=0,
        examples_trained=0,
        seconds=0.0,
    )
