"""Metrics of the heads: mean loss and the user's metrics, a copy a head."""

from collections.abc import Mapping
from typing import Any

import keras

from gblend_keras.blending.losses import MULTI_LABEL_LOSSES
from gblend_keras.distribution import replica_step
from gblend_keras.heads import BLEND
from gblend_keras.heads import JOINT
from gblend_keras.heads import POOL


class HeadMetrics:
    """Mean loss and the user's metrics, a copy for each head and mean of all.

    Metrics see probabilities. Each is named `<head>_<metric>`.

    Args:
        heads: Names of the heads.
        metrics: Names of metrics, `keras.metrics.Metric`s, or functions
            `(y_true, y_pred) -> (batch,)`.
        loss: Decides what "accuracy" means.

    Raises:
        ValueError: If a metric is unknown or a name occurs twice.
    """

    def __init__(self, heads: list[str], metrics: Any, loss: Any) -> None:
        self.losses = {
            head: keras.metrics.Mean(name=f"{head}_loss") for head in heads
        }
        templates = [_template(metric, loss) for metric in _listed(metrics)]
        names = [metric.name for metric in templates]
        if len(set(names)) < len(names):
            raise ValueError(
                "`metrics` has a name twice. Expected different names. "
                f"Received: {names}. Pass `name=` to tell them apart."
            )
        self.scores = {
            head: [_copy(metric, head) for metric in templates]
            for head in [*heads, BLEND, POOL]
        }

    @property
    def all(self) -> list[keras.metrics.Metric]:
        """Every metric, losses first."""
        return [
            *self.losses.values(),
            *(score for scores in self.scores.values() for score in scores),
        ]

    def update(
        self, losses: list[Any], y: Any, predicted: Mapping[str, Any]
    ) -> None:
        """Adds one batch.

        Args:
            losses: The loss of each head, divided by the replica count.
            y: Labels.
            predicted: `{answer: probabilities}`.
        """
        size = keras.ops.shape(predicted[BLEND])[0]
        num_replicas = replica_step.num_replicas()
        for mean, share in zip(self.losses.values(), losses, strict=True):
            mean.update_state(share * num_replicas, sample_weight=size)
        for head, scores in self.scores.items():
            for score in scores:
                score.update_state(y, predicted[head])

    @property
    def examples_seen(self) -> int:
        """How many examples the epoch has counted so far."""
        count = self.losses[JOINT].count
        return round(float(keras.ops.convert_to_numpy(count)))


def better_direction(name: str, metrics: HeadMetrics) -> str | None:
    """Says if a logged value is better "max" or "min"; None when unknown."""
    plain = name.removeprefix("val_")
    for metric in metrics.losses.values():
        if metric.name == plain:
            return "min"
    for metric in metrics.all:
        if metric.name == plain:
            kind = type(metric).__name__
            lower = ("Error", "Entropy", "entropy", "Divergence", "Hinge")
            return "min" if kind.endswith(lower) else "max"
    return None


def _listed(metrics: Any) -> list[Any]:
    if metrics is None:
        return []
    if isinstance(metrics, (list, tuple)):
        return list(metrics)
    return [metrics]


def _template(metric: Any, loss: keras.losses.Loss) -> keras.metrics.Metric:
    if metric in ("accuracy", "acc"):
        if isinstance(loss, MULTI_LABEL_LOSSES):
            return keras.metrics.BinaryAccuracy(name=metric)
        if isinstance(
            loss,
            (
                keras.losses.CategoricalCrossentropy,
                keras.losses.CategoricalFocalCrossentropy,
            ),
        ):
            return keras.metrics.CategoricalAccuracy(name=metric)
        return keras.metrics.SparseCategoricalAccuracy(name=metric)
    try:
        found = keras.metrics.get(metric)
    except ValueError as error:
        raise ValueError(
            "`metrics` has an unknown entry. Expected the name of a Keras "
            f"metric, a Metric or a function. Received: {metric!r}. "
            "Check the spelling in keras.metrics."
        ) from error
    if isinstance(found, keras.metrics.Metric):
        return found
    name = getattr(found, "__name__", type(found).__name__)
    return keras.metrics.MeanMetricWrapper(found, name=name)


def _copy(metric: keras.metrics.Metric, head: str) -> keras.metrics.Metric:
    config = metric.get_config() | {"name": f"{head}_{metric.name}"}
    return type(metric).from_config(config)
