"""What surrounds a `fit`: settings, order of callbacks, guards."""

import math
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from absl import logging

from gblend_keras.blending import _head_metrics
from gblend_keras.blending import collapse
from gblend_keras.data import training_set
from gblend_keras.distribution import keras_private

# They undo much of what a weight on a loss does.
ADAPTIVE_OPTIMIZERS = (
    keras.optimizers.Adam,  # and AdamW
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Adamax,
    keras.optimizers.Nadam,
    keras.optimizers.RMSprop,
)


class FitSettings(NamedTuple):
    """What a `fit` was asked for that an estimate inside it must repeat.

    Attributes:
        class_weight: As `fit` takes it.
        steps_per_epoch: As `fit` takes it.
        schedules: The learning-rate schedules among its callbacks.
        epochs: The epoch at which training ends.
        verbose: As `fit` takes it.
        data: What `fit` trains on; an estimate takes its divisions instead.
        log_dirs: Where the TensorBoard callbacks among its callbacks write.
    """

    class_weight: dict[int, float] | None = None
    steps_per_epoch: int | None = None
    schedules: tuple[keras.callbacks.LearningRateScheduler, ...] = ()
    epochs: int = 1
    verbose: int = 1
    data: Any = None
    log_dirs: tuple[str, ...] = ()


class BlendCallback(keras.callbacks.Callback):
    """A callback that `BlendedModel.fit` runs first and tells its settings."""

    def set_fit_settings(self, settings: FitSettings) -> None:
        """Takes the settings of the `fit` that is about to begin."""
        self.fit_settings = settings


def with_dataset(call: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a `fit`; a training set becomes its dataset.

    Args:
        call: Arguments of `fit`, `self` among them, with its defaults.
    """
    shuffles = training_set.training_set_of(call["x"]) is not None
    call = {name: value for name, value in call.items() if name != "self"}
    for name in ("x", "validation_data"):
        call[name] = training_set.as_dataset(call[name])
    return call | {"shuffle": False} if shuffles else call


def arrange_callbacks(
    call: Mapping[str, Any], metrics: _head_metrics.HeadMetrics
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a `fit` in the order that blending needs.

    First the guards, then `SwapEMAWeights`, which puts the trained weights
    back for an epoch to begin with, then the callbacks that blend, which are
    told the settings, then what sets the epoch's order, then the user's own.

    Args:
        call: The arguments of `fit`.
        metrics: The heads' metrics.
    """
    given = call["callbacks"] or []
    if isinstance(given, keras.callbacks.Callback):
        given = [given]
    settings = FitSettings(
        class_weight=call["class_weight"],
        steps_per_epoch=call["steps_per_epoch"],
        schedules=tuple(
            callback
            for callback in given
            if isinstance(callback, keras.callbacks.LearningRateScheduler)
        ),
        epochs=call["epochs"],
        verbose=1 if call["verbose"] == "auto" else call["verbose"],
        data=call["x"],
        log_dirs=tuple(
            str(callback.log_dir)
            for callback in given
            if isinstance(callback, keras.callbacks.TensorBoard)
        ),
    )
    swaps = [
        each
        for each in given
        if isinstance(each, keras.callbacks.SwapEMAWeights)
    ]
    blending = [each for each in given if isinstance(each, BlendCallback)]
    for callback in blending:
        callback.set_fit_settings(settings)
    others = [each for each in given if each not in (*swaps, *blending)]
    for callback in others:
        _settle_direction(callback, metrics)
    weighted = bool(call["class_weight"]) or _has_weights(call)
    return [
        LossGuard(list(metrics.losses)),
        collapse.CollapseGuard(weighted=weighted),
        *swaps,
        *blending,
        EpochStarter(call["x"]),
        *others,
    ]


def _has_weights(call: Mapping[str, Any]) -> bool:
    """Says if examples come with sample weights."""
    spec = getattr(call["x"], "element_spec", ())
    return call["sample_weight"] is not None or (
        isinstance(spec, tuple) and len(spec) == 3
    )


def _settle_direction(
    callback: keras.callbacks.Callback, metrics: _head_metrics.HeadMetrics
) -> None:
    """Tells Keras which way a head's metric is better.

    Keras finds that out for the metrics of single-output models only. The
    `ModelCheckpoint` of Keras 3.10 goes by the name and keeps no mode.
    """
    monitors = (
        keras.callbacks.EarlyStopping,
        keras.callbacks.ModelCheckpoint,
    )
    mode = getattr(callback, "mode", None)
    if isinstance(callback, monitors) and mode == "auto":
        callback.mode = (
            _head_metrics.better_direction(callback.monitor, metrics) or "auto"
        )


def warn_of_adaptive(optimizer: keras.optimizers.Optimizer) -> None:
    """Logs a warning if the optimizer divides gradients by their own size."""
    if isinstance(optimizer, ADAPTIVE_OPTIMIZERS):
        logging.warning(
            "%s divides each gradient by its own size, so blend weights "
            "change little inside a tower. Use SGD with momentum.",
            type(optimizer).__name__,
        )


class LossGuard(keras.callbacks.Callback):
    """Stops training, with a sentence, when a head's loss is not finite."""

    async_safe = True  # reads its arguments only

    def __init__(self, head_names: list[str]) -> None:
        super().__init__()
        self._names = {f"{head}_loss": head for head in head_names}
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._check(logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._check(logs or {})

    def _check(self, logs: Mapping[str, float]) -> None:
        for name, head in self._names.items():
            if not math.isfinite(logs.get(name, 0.0)):
                raise FloatingPointError(
                    f"The loss of head '{head}' is not finite in epoch "
                    f"{self._epoch}. Expected a number. "
                    f"Received: {name}={logs[name]}. "
                    "Lower the learning rate or check the features."
                )


class EpochStarter(keras.callbacks.Callback):
    """Makes the order and the dropout of an epoch functions of the epoch.

    A training set is told which epoch begins, and each random generator of
    the model starts from the place that belongs to it. Keras saves no state
    of generators, so a resumed run would else drop other units.

    Args:
        dataset: What is trained on.
    """

    def __init__(self, dataset: object) -> None:
        super().__init__()
        self._training_set = training_set.training_set_of(dataset)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._training_set is not None:
            self._training_set.start_epoch(epoch)
        place = (epoch << 20) % 2**32  # a million steps before it repeats
        for variable in self.model.variables:
            if variable.name == keras_private.SEED_STATE:
                seed = int(keras.ops.convert_to_numpy(variable)[0])
                variable.assign(np.array([seed, place], np.uint32))
