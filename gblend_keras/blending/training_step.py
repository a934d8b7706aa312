"""Training step: forward, blended loss, gradients, update; the only one.

It serves plain training, rules, and replicas. What replicas need is done by
functions of `distribution.replica_step`, which do nothing on one device.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.blending import rules
from gblend_keras.distribution import replica_step
from gblend_keras.heads import JOINT


def head_losses(
    model: Any, y: Any, logits: Any, sample_weight: Any
) -> list[tf.Tensor]:
    """Returns the plain loss of each head, divided by the replica count.

    Args:
        model: A compiled `BlendedModel`.
        y: Labels of this replica's slice of a batch.
        logits: `{head: (batch, num_classes)}`.
        sample_weight: Weights of its examples, or None.
    """
    return [
        model.loss_function(y, logits[head], sample_weight)
        for head in model.head_names
    ]


def blended_loss(model: Any, losses: list[tf.Tensor]) -> tf.Tensor:
    """Returns the loss that is trained on: this replica's share, a scalar.

        loss = loss_scale * sum_h w_h L_h + penalties of the layers

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 7.
    Ours: `loss_scale`.

    Args:
        model: A compiled `BlendedModel`.
        losses: The loss L_h of every head, in order.
    """
    weighted = model.head_weights.tensor * tf.stack(losses)  # (H,)
    loss = model.loss_scale * tf.reduce_sum(weighted)
    return loss + penalty(model) if model.losses else loss


def penalty(model: keras.Model) -> tf.Tensor:
    """Returns this replica's share of the penalties that layers add."""
    penalties = [tf.cast(value, tf.float32) for value in model.losses]
    return tf.nn.scale_regularization_loss(tf.add_n(penalties))


def shares(
    model: Any, y: Any, logits: Any, sample_weight: Any
) -> list[tf.Tensor]:
    """Returns the losses of the heads as they are trained on.

    Their values are those of `head_losses`; each example pulls as hard,
    however many share its replica. See `replica_step.in_proportion`.
    """
    return replica_step.in_proportion(
        head_losses(model, y, logits, sample_weight),
        _proportion(model, logits, sample_weight),
    )


def _proportion(model: Any, logits: Any, sample_weight: Any) -> Any:
    """Returns how much more than the others this replica's slice counts."""
    size = tf.shape(logits[JOINT])[0]
    return replica_step.proportion(model.loss_function, size, sample_weight)


def train(
    model: Any,
    data: Any,
    size: tf.Tensor,
    *,
    rule: rules.Rule | None,
    seeds: keras.random.SeedGenerator | None,
) -> dict[str, tf.Tensor]:
    """Trains on a slice of a batch.

    Args:
        model: A compiled `BlendedModel`.
        data: This replica's slice of a batch.
        size: Examples in it.
        rule: What decides on the gradients; None for those of the loss.
        seeds: Where the rule takes random numbers from.

    Returns:
        The logs.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if rule is not None:
        x = rule.inputs(x, seeds)
    optimizer = model.optimizer
    with tf.GradientTape(persistent=rule is not None) as tape:
        logits = model(x, training=True)
        if rule is None:
            loss = model.compute_loss(x, y, logits, sample_weight)
            scaled_loss = optimizer.scale_loss(loss)  # acts in float16
        else:
            factor = _proportion(model, logits, sample_weight)
            losses = replica_step.in_proportion(
                head_losses(model, y, logits, sample_weight), factor
            )
            loss = blended_loss(model, losses)
            weights = tf.unstack(model.loss_scale * model.head_weights.tensor)
            # Each by itself: through one stacked tensor, every head would
            # seem to depend on every variable.
            targets = {
                head: optimizer.scale_loss(weight * each)
                for head, weight, each in zip(
                    model.head_names, weights, losses, strict=True
                )
            }
            scaled_penalty = (
                optimizer.scale_loss(penalty(model)) if model.losses else None
            )
    variables = model.trainable_variables
    if rule is None:
        gradients = replica_step.of_examples(
            tape.gradient(scaled_loss, variables), size
        )
    else:
        step = rules.Step(
            tape=tape,
            heads=model.head_names,
            variables=variables,
            targets=targets,
            penalty=scaled_penalty,
            loss=loss,
            losses=replica_step.weighted(tf.stack(losses), factor),
            size=size,
            y=y,
            logits=logits,
            seeds=seeds,
            learning_rate=tf.convert_to_tensor(optimizer.learning_rate),
        )
        gradients = rule.gradients(model, step)
        if scaled_penalty is not None:
            gradients = rules.added(gradients, step.gradients(scaled_penalty))
    replica_step.apply_gradients(optimizer, gradients, variables)
    replica_step.track_loss(model, loss, size)
    logs: dict[str, tf.Tensor] = model.compute_metrics(
        x, y, logits, sample_weight
    )
    return logs
