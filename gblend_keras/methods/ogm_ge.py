"""ogm_ge: joint training in which the leading modality is slowed down.

With s_m the sum over the batch of the probability that modality m's head gives
the true class,

    rho_m = s_m / mean_{j != m} s_j
    k_m = 1 - tanh(alpha rho_m)  if rho_m > 1,  else 1
    gradient of tower m = k_m g + noise,   noise ~ N(0, std(g)**2)

where g is the gradient of the joint loss.

Source: Peng et al., CVPR 2022, Eq. 7 to 13; the standard deviation of each
variable's gradient is that of the authors' code, which adds noise to
convolution kernels alone.
Ours: rho_m against the mean of the other modalities, which for two is the
source's. The source reads s_m off the parts of one linear joint layer; the
joint head here has hidden layers, so each modality's own head is trained on
its tower's features as they are (its loss does not reach the tower) and asked.
Kernels of every kind count (rank 2 and more). All epochs are modulated. The
source gives alpha no default; its settings lie between 0.1 and 0.8.
Cost: 1 training.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import losses
from gblend_keras.blending import rules
from gblend_keras.distribution import replica_step
from gblend_keras.fusion import network
from gblend_keras.heads import JOINT
from gblend_keras.methods import base


def method(alpha: float = 0.5, noise: float = 1.0) -> base.Method:
    """Returns joint training with modulated gradients.

    Args:
        alpha: How strongly a leading modality is slowed down.
        noise: Factor on the noise; 0 for OGM without GE.
    """
    config.check_range("methods.ogm_ge.alpha", alpha, 0.0, 100.0)
    config.check_range("methods.ogm_ge.noise", noise, 0.0, 100.0)
    return base.Method(
        phases=base.every_head_plainly, new_rule=lambda: OgmGe(alpha, noise)
    )


def coefficients(scores: tf.Tensor, alpha: float) -> tf.Tensor:
    """Computes k of each modality, in (0, 1].

    Args:
        scores: s, shape `(modalities,)`.
        alpha: See `method`.
    """
    others = tf.reduce_sum(scores) - scores
    num_others = scores.shape[0] - 1
    ratios = tf.math.divide_no_nan(num_others * scores, others)
    return tf.where(ratios > 1, 1 - tf.tanh(alpha * ratios), 1.0)


def true_class_sum(probability: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Sums the probability of the true class, or the mean over true ones.

    Args:
        probability: Shape `(batch, num_classes)`.
        y: Labels `(batch,)`, `(batch, 1)`, or one- or multi-hot.
    """
    if losses.is_one_hot(y, probability):
        hot = tf.cast(y, probability.dtype)
    else:
        labels = tf.reshape(tf.cast(y, tf.int32), [-1])
        hot = tf.one_hot(labels, probability.shape[-1])
    true = tf.reduce_sum(hot * probability, axis=-1)
    return tf.reduce_sum(
        tf.math.divide_no_nan(true, tf.reduce_sum(hot, axis=-1))
    )


class OgmGe(rules.Rule):
    """Scales the towers' gradients and adds noise.

    Args:
        alpha: See `method`.
        noise: See `method`.
    """

    def __init__(self, alpha: float, noise: float) -> None:
        self.alpha = alpha
        self.noise = noise

    def build(self, model: Any) -> None:
        self._towers = network.tower_variables(model.network)

    def gradients(self, model: Any, step: rules.Step) -> rules.Gradients:
        factors = self._factors(model, step)
        result = step.gradients_of(JOINT)
        for index, variable in enumerate(step.variables):
            for head, factor in factors.items():
                gradient = result[index]
                if id(variable) in self._towers[head] and gradient is not None:
                    result[index] = self._modulated(gradient, factor, step)
        return rules.added(result, self._own(model, step))

    def _factors(self, model: Any, step: rules.Step) -> dict[str, tf.Tensor]:
        probability = losses.probabilities(
            dict(step.logits), multi_label=model.multi_label
        )
        scores = [
            true_class_sum(probability[head], step.y)
            for head in model.modality_heads
        ]
        found = replica_step.mean_over_replicas([tf.stack(scores)])
        factors = tf.unstack(coefficients(found[0], self.alpha))
        return dict(zip(model.modality_heads, factors, strict=True))

    def _modulated(
        self, gradient: tf.Tensor, factor: tf.Tensor, step: rules.Step
    ) -> tf.Tensor:
        result = tf.cast(factor, gradient.dtype) * gradient
        if self.noise and len(gradient.shape) > 1:
            result += (
                self.noise
                * tf.math.reduce_std(gradient)
                * keras.random.normal(
                    gradient.shape, dtype=gradient.dtype, seed=step.seeds
                )
            )
        return result

    def _own(self, model: Any, step: rules.Step) -> rules.Gradients:
        """Returns the modality heads' gradients, kept out of the towers."""
        found: rules.Gradients = [None] * len(step.variables)
        for head in model.modality_heads:
            mine = [
                value if id(variable) not in self._towers[head] else None
                for variable, value in zip(
                    step.variables, step.gradients_of(head), strict=True
                )
            ]
            found = rules.added(found, mine)
        return found
