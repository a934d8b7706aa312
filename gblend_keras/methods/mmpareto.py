"""mmpareto: the joint and the modality's gradient of a tower, without conflict.

For each tower, with g_j of the joint loss and g_m of its modality's loss,

    a = 1/2                                             if g_j . g_m > 0
    a = (g_m . g_m - g_j . g_m) / |g_j - g_m|**2        else: the least norm
    h = 2 a g_j + 2 (1 - a) g_m
    gradient = gamma * max(1, |g_j + g_m| / |h|) * h    for each variable

Heads get their own loss's gradient.

Source: Wei & Hu, ICML 2024, Algorithm 1 and section 3.4; gamma 1.5, the size
taken for each variable and the least norm over the whole tower are those of
the authors' code.
Ours: any number of modalities, each tower by itself, which for two is the
source's. The two-vector problem is solved in closed form.
Cost: 1 training with a backward pass a head instead of one.
"""

from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.fusion import network
from gblend_keras.heads import JOINT
from gblend_keras.methods import base


def method(gamma: float = 1.5) -> base.Method:
    """Returns training of all heads with Pareto gradients in the towers.

    Args:
        gamma: Factor on the towers' gradients.
    """
    config.check_range("methods.mmpareto.gamma", gamma, 0.01, 100.0)
    return base.Method(new_rule=lambda: MMPareto(gamma))


def joint_share(products: tf.Tensor) -> tf.Tensor:
    """Computes a, the share of the joint gradient, in [0, 1].

    Args:
        products: Inner products of g_j and g_m, `(2, 2)`.
    """
    between = products[0, 1]
    distance = products[0, 0] + products[1, 1] - 2 * between
    least = tf.math.divide_no_nan(products[1, 1] - between, distance)
    return tf.where(between > 0, 0.5, tf.clip_by_value(least, 0.0, 1.0))


def enlarged(joint: tf.Tensor, own: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Mixes the two gradients of a variable, not smaller than their sum.

    Args:
        joint: g_j of the variable.
        own: g_m of the variable.
        share: What `joint_share` gave.
    """
    share = tf.cast(share, joint.dtype)
    mixed = 2 * share * joint + 2 * (1 - share) * own
    ratio = tf.math.divide_no_nan(tf.norm(joint + own), tf.norm(mixed))
    return tf.maximum(tf.ones_like(ratio), ratio) * mixed


class MMPareto(rules.Rule):
    """Mixes the two gradients that a tower gets.

    Args:
        gamma: See `method`.
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def build(self, model: Any) -> None:
        network.tower_variables(model.network)  # refuses mixed towers

    def gradients(self, model: Any, step: rules.Step) -> rules.Gradients:
        of_heads = dict(zip(step.heads, step.head_gradients(), strict=True))
        joint = of_heads[JOINT]
        result = rules.summed(list(of_heads.values()))
        for head in model.modality_heads:
            pair = rules.shared_only([joint, of_heads[head]])
            share = joint_share(rules.inner_products(pair))
            for index, (one, own) in enumerate(zip(*pair, strict=True)):
                if one is not None and own is not None:
                    result[index] = self.gamma * enlarged(one, own, share)
        return result
