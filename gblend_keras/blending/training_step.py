"""Training step: forward, blended loss, gradients, update; the only one.

It serves plain training, rules, and replicas. What replicas need is done by
functions of `distribution.replica_step`, which do nothing on one device.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.blending import losses
from gblend_keras.blending import rules
from gblend_keras.distribution import replica_step
from gblend_keras.heads import JOINT


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
    with tf.GradientTape(persistent=rule is not None) as tape:
        logits = model(x, training=True)
        if rule is None:
            loss = model.compute_loss(x, y, logits, sample_weight)
            scaled_loss = model.optimizer.scale_loss(loss)  # acts in float16
        else:
            step = _step_of_rule(
                model, tape, y, logits, sample_weight, size=size, seeds=seeds
            )
            loss = step.loss
    variables = model.trainable_variables
    if rule is None:
        gradients = replica_step.of_examples(
            tape.gradient(scaled_loss, variables), size
        )
    else:
        gradients = rule.gradients(model, step)
        if step.penalty is not None:
            gradients = rules.added(gradients, step.gradients(step.penalty))
    replica_step.apply_gradients(model.optimizer, gradients, variables)
    replica_step.track_loss(model, loss, size)
    logs: dict[str, tf.Tensor] = model.compute_metrics(
        x, y, logits, sample_weight
    )
    return logs


def compute_loss(
    model: Any, y: Any, logits: Any, sample_weight: Any, *, training: bool
) -> tf.Tensor:
    """Returns this replica's share of the blended loss and penalties.

    Args:
        model: A compiled `BlendedModel`.
        y: Labels of this replica's slice of a batch.
        logits: `{head: (batch, num_classes)}`.
        sample_weight: Weights of its examples, or None.
        training: Whether gradients are taken: each example then pulls as
            hard, however many share its replica.
    """
    shares = head_losses(model, y, logits, sample_weight)
    if training:
        factor = _proportion(model, logits, sample_weight)
        shares = replica_step.in_proportion(shares, factor)
    loss = losses.blended_loss(
        shares, model.head_weights.tensor, model.head_weights.scale
    )
    if model.losses:
        loss += replica_step.share_of_penalties(model.losses)
    return loss


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


def _proportion(
    model: Any, logits: Any, sample_weight: Any
) -> tf.Tensor | None:
    """Returns how much more than the others this replica's slice counts."""
    size = tf.shape(logits[JOINT])[0]
    return replica_step.proportion(model.loss_function, size, sample_weight)


def _step_of_rule(
    model: Any,
    tape: tf.GradientTape,
    y: Any,
    logits: Any,
    sample_weight: Any,
    *,
    size: tf.Tensor,
    seeds: Any,
) -> rules.Step:
    """Records the blended loss head by head, as a rule sees it."""
    scale = model.optimizer.scale_loss  # acts in float16
    factor = _proportion(model, logits, sample_weight)
    shares = replica_step.in_proportion(
        head_losses(model, y, logits, sample_weight), factor
    )
    terms = losses.blended_terms(
        shares, model.head_weights.tensor, model.head_weights.scale
    )
    penalties = (
        [replica_step.share_of_penalties(model.losses)] if model.losses else []
    )
    targets = [scale(each) for each in terms]
    return rules.Step(
        tape=tape,
        heads=model.head_names,
        variables=model.trainable_variables,
        targets=dict(zip(model.head_names, targets, strict=True)),
        penalty=scale(penalties[0]) if penalties else None,
        loss=tf.add_n([*terms, *penalties]),
        losses=replica_step.weighted(tf.stack(shares), factor),
        size=size,
        y=y,
        logits=logits,
        seeds=seeds,
        learning_rate=tf.convert_to_tensor(model.optimizer.learning_rate),
    )
