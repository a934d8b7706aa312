"""uncertainty: weights of the heads learned as log variances.

    loss = loss_scale / H * sum_h (exp(-s_h) L_h + s_h / 2),   s_h from 0

so a head with loss L has its optimum at exp(s) = 2 L, and the weight of a
head grows as its train loss falls. With d loss / d s_h taken up to the factor,

    g_h = 1/2 - exp(-s_h) L_h,    v <- momentum v - rate g,    s <- s + v

Source: Kendall, Gal & Cipolla, CVPR 2018, Eq. 10 with s = log sigma**2.
Ours: s is updated by SGD with momentum, whatever the network's optimizer is,
at the network's learning rate if not said otherwise, without weight decay, so
that a saved model needs nothing of it. The loss in the logs lacks s / 2.
Cost: 1 training.
"""

from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.methods import base


def method(rate: float = 0.0, momentum: float = 0.9) -> base.Method:
    """Returns training of all heads with learned variances.

    Args:
        rate: Learning rate of the log variances; 0 for the network's.
        momentum: Of the log variances, in [0, 1).
    """
    config.check_range("methods.uncertainty.rate", rate, 0.0, 1e3)
    config.check_range("methods.uncertainty.momentum", momentum, 0.0, 0.9999)
    return base.Method(new_rule=lambda: Uncertainty(rate, momentum))


def slope(log_variances: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """Computes the derivative of `exp(-s) L + s / 2` by s, shape `(H,)`."""
    return 0.5 - tf.exp(-log_variances) * losses


class Uncertainty(rules.Rule):
    """Learns a log variance a head.

    Args:
        rate: Learning rate; 0 for the network's.
        momentum: Of the log variances.
    """

    def __init__(self, rate: float, momentum: float) -> None:
        self.rate = rate
        self.momentum = momentum

    def build(self, model: Any) -> None:
        shape = (len(model.head_names),)
        self.log_variances, self.velocity = (
            model.add_weight(
                name=name,
                shape=shape,
                initializer="zeros",
                trainable=False,
                autocast=False,
                dtype="float32",
                aggregation="only_first_replica",
            )
            for name in ("log_variances", "log_variances_velocity")
        )

    def gradients(self, model: Any, step: rules.Step) -> rules.Gradients:
        gradients = step.loss_gradients()  # at the weights of this step
        rate = self.rate or tf.cast(step.learning_rate, tf.float32)
        s = tf.convert_to_tensor(self.log_variances)
        velocity = self.momentum * tf.convert_to_tensor(self.velocity)
        velocity -= rate * slope(s, step.mean_losses())
        self.velocity.assign(velocity)
        self.log_variances.assign(s + velocity)
        model.head_weights.update(tf.exp(-(s + velocity)) / len(step.heads))
        return gradients
