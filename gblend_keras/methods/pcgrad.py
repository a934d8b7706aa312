"""pcgrad: conflicting gradients of the heads are projected.

For each head i, with the other heads j in random order,

    if g_i . g_j < 0:    g_i <- g_i - (g_i . g_j) / |g_j|**2 g_j

with g_j unprojected; the towers get the sum of all g_i.

Source: Yu et al., NeurIPS 2020, Algorithm 1.
Ours: every g_i is a combination of the heads' gradients, so only the
coefficients are computed, from the H x H inner products. Variables of one head
alone keep its gradient, as in the source.
Cost: 1 training with a backward pass a head instead of one.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras.blending import rules
from gblend_keras.methods import base


def method() -> base.Method:
    """Returns training of all heads with projected gradients."""
    return base.Method(new_rule=PCGrad)


def projected(products: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Computes the coefficients of the projected gradients.

    Args:
        products: Inner products of the heads' gradients, `(H, H)`.
        order: Row i: the order in which head i meets the heads, `(H, H)`.

    Returns:
        Shape `(H, H)`: row i has the coefficients of the projected g_i.
    """
    num_heads = products.shape[0]
    rows = []
    for head in range(num_heads):
        row = tf.one_hot(head, num_heads)
        for place in range(num_heads):
            other = order[head, place]
            conflict = tf.minimum(tf.tensordot(row, products[other], 1), 0.0)
            conflict = tf.where(other == head, 0.0, conflict)
            share = tf.math.divide_no_nan(conflict, products[other, other])
            row -= share * tf.one_hot(other, num_heads)
        rows.append(row)
    return tf.stack(rows)


class PCGrad(rules.Rule):
    """Combines the heads' gradients without their conflicts."""

    def gradients(self, model: Any, step: rules.Step) -> rules.Gradients:
        of_heads = step.head_gradients()
        shared = rules.shared_only(of_heads)
        num_heads = len(step.heads)
        order = tf.argsort(
            keras.random.uniform((num_heads, num_heads), seed=step.seeds)
        )
        coefficients = projected(rules.inner_products(shared), order)
        factors = tf.unstack(tf.reduce_sum(coefficients, axis=0))
        mixed = rules.summed(
            [
                rules.scaled(gradients, factor)
                for gradients, factor in zip(shared, factors, strict=True)
            ]
        )
        return [
            plain if value is None else value
            for value, plain in zip(mixed, rules.summed(of_heads), strict=True)
        ]
