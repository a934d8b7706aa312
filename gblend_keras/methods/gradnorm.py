"""gradnorm: weights that make the heads' gradients of wanted sizes.

    loss = loss_scale * sum_h w_h L_h,    sum_h w_h = 1
    n_h = |gradient of w_h L_h by the shared weights|,   n = mean_h n_h
    r_h = L_h / mean_j L_j                     the head's inverse training rate
    target_h = n r_h**alpha                    taken as a constant
    W_h <- W_h - rate * d sum_j |n_j - target_j| / d W_h,   W = H w
    then W_h is divided so that they sum to H

Source: Chen, Badrinarayanan, Lee & Rabinovich, ICML 2018, Eq. 1, 2 and
Algorithm 1; alpha 1.5 and a rate of 0.025 are theirs.
Ours: the shared weights are all variables on which two heads depend, the
towers (theirs: one last shared layer, which towers side by side do not have).
L_h(0) is the same for all heads, log(classes), so it cancels from r_h. The
slope is divided by n, so that `rate` does not depend on the size of gradients,
and W_h stays above 0.01.
Cost: 1 training with a backward pass a head instead of one.
"""

from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.methods import base

SMALLEST = 0.01  # of W, whose mean is 1


def method(alpha: float = 1.5, rate: float = 0.025) -> base.Method:
    """Returns training of all heads with GradNorm.

    Args:
        alpha: How much heads that lag are favoured; 0 for equal sizes.
        rate: Learning rate of the weights.
    """
    config.check_range("methods.gradnorm.alpha", alpha, 0.0, 100.0)
    config.check_range("methods.gradnorm.rate", rate, 1e-9, 1.0)
    return base.Method(new_rule=lambda: GradNorm(alpha, rate))


def targets(norms: tf.Tensor, losses: tf.Tensor, alpha: float) -> tf.Tensor:
    """Computes the wanted size of each head's gradient, shape `(H,)`.

    Args:
        norms: Sizes of the gradients of the weighted losses, `(H,)`.
        losses: The heads' plain losses, `(H,)`.
        alpha: See `method`.
    """
    rates = tf.math.divide_no_nan(losses, tf.reduce_mean(losses))
    return tf.reduce_mean(norms) * rates**alpha


def next_weights(
    weights: tf.Tensor,
    norms: tf.Tensor,
    wanted: tf.Tensor,
    rate: float,
) -> tf.Tensor:
    """Computes the weights of the next step, summing to 1.

    Args:
        weights: w, shape `(H,)`, summing to 1.
        norms: Sizes of the gradients of the weighted losses, `(H,)`.
        wanted: What `targets` gave.
        rate: See `method`.
    """
    num_heads = tf.cast(tf.size(weights), weights.dtype)
    scaled = num_heads * weights
    slope = tf.math.divide_no_nan(
        tf.sign(norms - wanted) * norms, scaled * tf.reduce_mean(norms)
    )
    moved = tf.maximum(scaled - rate * slope, SMALLEST)
    changed = moved / tf.reduce_sum(moved)
    finite = tf.reduce_all(tf.math.is_finite(changed))  # float16 overflows
    return tf.where(finite, changed, weights)


class GradNorm(rules.Rule):
    """Moves the blend weights a little in each step.

    Args:
        alpha: See `method`.
        rate: See `method`.
    """

    def __init__(self, alpha: float, rate: float) -> None:
        self.alpha = alpha
        self.rate = rate

    def gradients(self, model: Any, step: rules.Step) -> rules.Gradients:
        of_heads = step.head_gradients()
        products = rules.inner_products(rules.shared_only(of_heads))
        norms = tf.sqrt(tf.linalg.diag_part(products))
        wanted = targets(norms, step.mean_losses(), self.alpha)
        model.head_weights.update(
            next_weights(model.head_weights.tensor, norms, wanted, self.rate)
        )
        return rules.summed(of_heads)
