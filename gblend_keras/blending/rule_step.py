"""A training step whose gradients a rule decides."""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.blending import rules
from gblend_keras.distribution import replica_step


def train(
    model: Any,
    data: Any,
    size: tf.Tensor,
    *,
    rule: rules.Rule,
    seeds: keras.random.SeedGenerator,
) -> dict[str, tf.Tensor]:
    """Does what Keras' own step does, with the rule's gradients.

    Args:
        model: A compiled `BlendedModel`.
        data: This replica's slice of a batch.
        size: Examples in it.
        rule: What decides.
        seeds: Where the rule takes random numbers from.

    Returns:
        The logs.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    x = rule.inputs(x, seeds)
    step = _recorded(model, x, y, sample_weight, size=size, seeds=seeds)
    gradients = rule.gradients(model, step)
    if step.penalty is not None:
        gradients = rules.added(gradients, step.gradients(step.penalty))
    replica_step.apply_gradients(model.optimizer, gradients, step.variables)
    replica_step.track_loss(model, step.loss, size)
    logs: dict[str, tf.Tensor] = model.compute_metrics(
        x, y, step.logits, sample_weight
    )
    return logs


def _recorded(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    size: tf.Tensor,
    seeds: keras.random.SeedGenerator,
) -> rules.Step:
    """Runs the network forward, and records what a rule may ask for."""
    scale = model.optimizer.scale_loss  # acts in float16
    with tf.GradientTape(persistent=True) as tape:
        logits = model(x, training=True)
        factor = model.slice_factor(logits, sample_weight)
        shares = replica_step.in_proportion(
            model.head_losses(y, logits, sample_weight), factor
        )
        weights = tf.unstack(model.loss_scale * model.loss_weights)
        # Each by itself: through one stacked tensor, every head would
        # seem to depend on every variable.
        weighted = [w * each for w, each in zip(weights, shares, strict=True)]
        targets = [scale(value) for value in weighted]
        penalties = [model.penalty()] if model.losses else []
        scaled_penalties = [scale(value) for value in penalties]
    return rules.Step(
        tape=tape,
        heads=model.head_names,
        variables=model.trainable_variables,
        targets=dict(zip(model.head_names, targets, strict=True)),
        penalty=scaled_penalties[0] if penalties else None,
        loss=tf.add_n([*weighted, *penalties]),
        losses=replica_step.weighted(tf.stack(shares), factor),
        size=size,
        y=y,
        logits=logits,
        seeds=seeds,
        learning_rate=tf.convert_to_tensor(model.optimizer.learning_rate),
    )
