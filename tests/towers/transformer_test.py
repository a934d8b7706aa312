"""The Transformer: contract, padding, order, errors."""

import keras
import numpy as np
import pytest

from gblend_keras.towers import transformer
from tests.towers import contracts

SIZE = transformer.TransformerSize(num_blocks=1, width=8, num_heads=2)

SMALL = {
    "tokens": lambda: transformer.build_transformer(
        (5,), SIZE, vocabulary_size=9
    ),
    "vectors": lambda: transformer.build_transformer((3, 7), SIZE),
}


@pytest.mark.parametrize("name", SMALL)
def test_tower_keeps_the_contract(name, tmp_path):
    keras.utils.set_random_seed(1)
    contracts.check_tower(SMALL[name], tmp_path)


def test_padding_changes_nothing():
    tower = transformer.build_transformer((6,), SIZE, vocabulary_size=9)
    short = transformer.build_transformer((3,), SIZE, vocabulary_size=9)
    weights = tower.get_weights()
    index = [v.path for v in tower.variables].index(
        "text_tower/position_embedding/embeddings"
    )
    weights[index] = weights[index][:3]
    short.set_weights(weights)
    x = np.array([[3, 1, 2, 0, 0, 0]], "int32")
    np.testing.assert_allclose(tower(x), short(x[:, :3]), rtol=1e-4, atol=1e-5)


def test_padded_vectors_change_nothing():
    tower = transformer.build_transformer((4, 3), SIZE)
    x = contracts.example(tower, 1)
    x[:, 2:] = 0
    x_long = np.array(x)
    x_long[:, 3] = 1e-3  # no longer padding: it must count
    assert np.max(np.abs(tower(x) - tower(x_long))) > 1e-3


def test_sequence_of_padding_alone_gives_zeros():
    tower = transformer.build_transformer((4,), SIZE, vocabulary_size=9)
    np.testing.assert_array_equal(tower(np.zeros((2, 4), "int32")), 0)


def test_order_of_tokens_matters():
    tower = transformer.build_transformer((3,), SIZE, vocabulary_size=9)
    x = np.array([[1, 2, 3]], "int32")
    assert np.max(np.abs(tower(x) - tower(x[:, ::-1]))) > 1e-3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: transformer.build_transformer((8,)),
            "fix the number of positions",
        ),
        (
            lambda: transformer.TransformerSize(width=10, num_heads=3),
            "Change one of them",
        ),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
