"""Rules: the arithmetic of gradients, where some depend on no variable."""

import numpy as np
import tensorflow as tf

from gblend_keras.blending import rules

# Two heads and three variables, of which the first is shared.
ONE = [tf.constant([1.0, 2.0]), tf.constant([3.0]), None]
OTHER = [tf.constant([10.0, -1.0]), None, tf.constant([4.0])]


def values(gradients):
    return [
        None if each is None else each.numpy().tolist() for each in gradients
    ]


def test_none_stands_for_zero_where_gradients_are_added():
    assert values(rules.added(ONE, OTHER)) == [[11, 1], [3], [4]]
    assert values(rules.added(ONE, ONE))[2] is None
    assert values(rules.summed([ONE, OTHER, ONE])) == [
        [12, 3],
        [6],
        [4],
    ]


def test_factor_takes_the_gradient_s_own_dtype():
    half = [tf.constant([2.0], tf.float16), None]
    found = rules.scaled(half, tf.constant(0.5))
    assert values(found) == [[1], None] and found[0].dtype == tf.float16


def test_inner_products_are_over_all_common_variables():
    # By hand: 1 + 4 + 9 = 14; 10 - 2 = 8; 100 + 1 + 16 = 117.
    found = rules.inner_products([ONE, OTHER])
    np.testing.assert_array_equal(found, [[14, 8], [8, 117]])
    apart = rules.inner_products([[ONE[0], None], [None, ONE[0]]])
    np.testing.assert_array_equal(apart, [[5, 0], [0, 5]])


def test_variables_of_one_head_are_left_out():
    found = rules.shared_only([ONE, OTHER])
    assert [values(each) for each in found] == [
        [[1, 2], None, None],
        [[10, -1], None, None],
    ]
