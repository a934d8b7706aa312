"""Losses: the blended one, the heads', and what follows from logits."""

import keras
import numpy as np
import pytest

from gblend_keras.blending import losses

LOGITS = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)


def test_blended_loss_is_the_scaled_weighted_sum():
    # By hand: 3 * (0.5 * 1 + 0.25 * 2 + 0.25 * 4) = 6.
    arguments = ([1.0, 2.0, 4.0], np.float32([0.5, 0.25, 0.25]), 3.0)
    assert float(losses.blended_loss(*arguments)) == 6.0
    terms = losses.blended_terms(*arguments)
    assert [float(each) for each in terms] == [1.5, 1.5, 3.0]


def test_loss_of_each_example_is_its_own():
    loss = losses.resolve_loss(None, multi_label=False)
    found = losses.example_losses(loss, np.array([0, 1]), LOGITS)
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, -np.log(shares[[0, 1], [0, 1]]), 1e-6)


@pytest.mark.parametrize(
    ("y", "multi_label", "expected"),
    [
        ([0, 1], False, [0, 1]),
        ([[0], [2]], False, [0, 0]),
        ([[1, 0, 0], [0, 1, 0]], False, [0, 1]),
        # A third of the labels of the second example is wrong.
        ([[1, 0, 0], [0, 0, 0]], True, [0, 1 / 3]),
    ],
)
def test_error_of_each_example(y, multi_label, expected):
    found = losses.example_errors(np.array(y), LOGITS, multi_label=multi_label)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_blend_is_the_mean_of_the_heads_probabilities():
    logits = {"a": keras.ops.array(LOGITS), "joint": keras.ops.array(-LOGITS)}
    found = losses.probabilities(logits, multi_label=False)
    assert list(found) == ["a", "joint", "blend"]
    np.testing.assert_allclose(
        found["blend"], (found["a"] + found["joint"]) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(keras.ops.sum(found["blend"], 1), 1, rtol=1e-6)
    both = losses.probabilities(logits, multi_label=True)["blend"]
    np.testing.assert_allclose(both, 0.5, rtol=1e-6)  # sigmoids of z and -z
