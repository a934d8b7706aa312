"""A recipe's settings of training -> the optimizer and its schedule."""

from collections.abc import Sequence
from typing import Any

import keras

from gblend_keras import config
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import starts


def make_optimizer(
    settings: config.TrainConfig, *, num_replicas: int = 1
) -> keras.Optimizer:
    """Returns the optimizer of a recipe.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.config.TrainConfig(optimizer="adam")
        >>> gb.building.make_optimizer(settings).name
        'adam'
    """
    common: dict[str, Any] = {
        "learning_rate": learning_rate(settings, num_replicas),
        "weight_decay": settings.weight_decay or None,
    }
    if settings.gradient_accumulation_steps > 1:  # Keras refuses 1
        common["gradient_accumulation_steps"] = (
            settings.gradient_accumulation_steps
        )
    if settings.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(_plain(settings, common))
    return _plain(settings, common)


def _plain(
    settings: config.TrainConfig, common: dict[str, Any]
) -> keras.Optimizer:
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(**common)
    return keras.optimizers.SGD(
        momentum=settings.momentum, nesterov=settings.nesterov, **common
    )


def learning_rate(settings: config.TrainConfig, num_replicas: int) -> float:
    """Returns the rate after warm-up.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.config.TrainConfig(
        ...     learning_rate=0.01, per_replica=True
        ... )
        >>> gb.building.learning_rate(settings, num_replicas=4)
        0.04
    """
    factor = num_replicas if settings.per_replica else 1
    return settings.learning_rate * factor


def make_schedule(
    settings: config.TrainConfig,
    *,
    num_replicas: int = 1,
    phases: Sequence[Phase] = (),
) -> keras.callbacks.LearningRateScheduler:
    """Returns the schedule: the rate of an epoch, whatever ran before.

    The rate grows linearly over the warm-up's epochs, and is divided by 10 at
    each drop. Each phase has the whole schedule.

    Source: VMZ, pt/vmz/common/scheduler.py.
    Ours: the warm-up grows by epoch, not by step, so that an epoch's rate
    does not depend on the number of steps.

    Args:
        settings: The training part of a recipe.
        num_replicas: Of the strategy that trains.
        phases: Of the method. None: one, of the recipe's epochs.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.config.TrainConfig(epochs=9, drop_at=(2 / 3,))
        >>> rates = gb.building.make_schedule(settings).schedule
        >>> [round(rates(epoch, 0.0), 4) for epoch in (0, 5, 6)]
        [0.05, 0.05, 0.005]
    """
    full = learning_rate(settings, num_replicas)
    phases = phases or [Phase(settings.epochs)]
    begins = starts(phases)

    def rate(epoch: int, _: float) -> float:
        index = sum(epoch >= begin for begin in begins) - 1
        drops = sum(
            epoch - begins[index] >= round(share * phases[index].epochs)
            for share in settings.drop_at
        )
        warm = min(1.0, (epoch + 1) / max(settings.warmup_epochs, 1))
        return full * warm * 0.1**drops

    return keras.callbacks.LearningRateScheduler(rate)
