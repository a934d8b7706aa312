"""The loss and the metrics that every head gets a copy of."""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.heads import BLEND

# What `compile(loss="...")` may name. Heads give logits, so these are made
# with from_logits=True, unlike Keras' own strings.
LOSSES = {
    "sparse_categorical_crossentropy": (
        keras.losses.SparseCategoricalCrossentropy
    ),
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}
MULTI_LABEL_LOSSES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
)


def resolve_loss(loss: Any, *, multi_label: bool) -> keras.losses.Loss:
    """Returns the loss of a head, on logits.

    Args:
        loss: None (cross-entropy, binary for multi-label), a name in
            `LOSSES`, or a `keras.losses.Loss` on logits.
        multi_label: Whether an example may have several classes.

    Raises:
        ValueError: If the name is unknown, or the loss expects probabilities
            or another kind of label.
        TypeError: If it is no loss.
    """
    if loss is None:
        loss = (
            "binary_crossentropy"
            if multi_label
            else "sparse_categorical_crossentropy"
        )
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(
                "`loss` is unknown. Expected one of "
                f"{sorted(LOSSES)}, or a keras.losses.Loss on logits. "
                f"Received: loss={loss!r}. Leave it out for cross-entropy."
            )
        loss = LOSSES[loss](from_logits=True)
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(
            "`loss` is no loss. Expected a name or a keras.losses.Loss. "
            f"Received: {type(loss).__name__}. One loss serves every head; "
            "the blend weights it."
        )
    if loss.get_config().get("from_logits") is False:
        raise ValueError(
            "`loss` expects probabilities. Expected a loss on logits. "
            f"Received: {loss.name} with from_logits=False. "
            "Pass from_logits=True."
        )
    if isinstance(loss, MULTI_LABEL_LOSSES) != multi_label:
        raise ValueError(
            "`loss` and `multi_label` contradict each other. Expected a "
            "binary loss if and only if an example may have several classes. "
            f"Received: loss={loss.name}, multi_label={multi_label}. "
            "Pass `multi_label` to BlendedModel to match the loss."
        )
    return loss


def example_losses(
    loss: keras.losses.Loss, y: tf.Tensor, logits: tf.Tensor
) -> tf.Tensor:
    """Computes the loss of each example, not weighted, shape `(batch,)`."""
    values = loss.call(tf.convert_to_tensor(y), tf.cast(logits, tf.float32))
    values = tf.cast(values, tf.float32)
    return tf.reshape(values, [tf.shape(logits)[0], -1])[:, 0]


def example_errors(
    y: tf.Tensor, logits: tf.Tensor, *, multi_label: bool
) -> tf.Tensor:
    """Computes 1 - accuracy of each example, shape `(batch,)`.

    For multi-label data this is the share of labels that are wrong.
    """
    if multi_label:
        wrong = tf.not_equal(tf.cast(y, tf.float32) > 0.5, logits > 0)
        return tf.reduce_mean(tf.cast(wrong, tf.float32), axis=-1)
    target = tf.argmax(y, axis=-1) if is_one_hot(y, logits) else y
    target = tf.reshape(tf.cast(target, tf.int64), [-1])
    wrong = tf.not_equal(target, tf.argmax(logits, axis=-1))
    return tf.cast(wrong, tf.float32)


def is_one_hot(y: tf.Tensor, logits: tf.Tensor) -> bool:
    """Says whether single labels come as rows of zeros and a one."""
    return len(y.shape) == 2 and y.shape[-1] == logits.shape[-1] > 1


def probabilities(
    logits: dict[str, tf.Tensor], *, multi_label: bool
) -> dict[str, tf.Tensor]:
    """Computes each head's probabilities and `blend`, their mean over heads.

    Ours: the paper answers with the joint head alone. Blended training leaves
    k + 1 trained heads; their mean costs nothing more.

    Args:
        logits: `{head: (batch, num_classes)}`.
        multi_label: Sigmoid instead of softmax.

    Returns:
        `{head: (batch, num_classes)}` for the heads and `blend`, float32.
    """
    activation = tf.sigmoid if multi_label else tf.nn.softmax
    result = {
        head: activation(tf.cast(value, tf.float32))
        for head, value in logits.items()
    }
    result[BLEND] = tf.add_n(list(result.values())) / len(logits)
    return result


class HeadMetrics:
    """Mean loss and the user's metrics, a copy for each head and the blend.

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
            for head in [*heads, BLEND]
        }

    @property
    def all(self) -> list[keras.metrics.Metric]:
        """Every metric, losses first."""
        return [
            *self.losses.values(),
            *(score for scores in self.scores.values() for score in scores),
        ]

    def update_scores(
        self, y: tf.Tensor, predicted: dict[str, tf.Tensor]
    ) -> None:
        """Adds one batch of labels and probabilities."""
        for head, scores in self.scores.items():
            for score in scores:
                score.update_state(y, predicted[head])


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
