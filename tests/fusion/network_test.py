"""Late fusions, by hand; and what is found in a network."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.fusion import network
from tests import toy
from tests.fusion import small


def fused_of(model, **x):
    arrays = {name: np.array([each], np.float32) for name, each in x.items()}
    return np.asarray(model(arrays))[0]


def test_sum_adds_features():
    model = small.fused("sum", {"a": 2, "b": 2})
    # By hand: (1, 2) + (3, 4).
    assert fused_of(model, a=[1, 2], b=[3, 4]).tolist() == [4, 6]
    assert not model.weights


def test_sum_projects_the_narrower_features():
    model = small.fused("sum", {"a": 2, "b": 1})
    model.get_layer("joint_projection_b").set_weights([np.array([[10, 20]])])
    # By hand: (1, 2) + 3 * (10, 20).
    assert fused_of(model, a=[1, 2], b=[3]).tolist() == [31, 62]


def low_rank(rank=2, units=1, sizes=None):
    return small.fused(
        "low_rank", sizes or {"a": 2, "b": 1}, hidden_units=units, rank=rank
    )


def test_low_rank_by_hand():
    model = low_rank()
    model.get_layer("joint_factors_a").set_weights(
        [np.array([[1, 0], [0, 1]]), np.array([0, 1])]
    )
    model.get_layer("joint_factors_b").set_weights(
        [np.array([[2, 1]]), np.array([1, 0])]
    )
    model.get_layer("joint_rank_weights").set_weights([np.array([[1], [10]])])
    # a = (1, 2): factors 1 * 1 + 0 = 1 and 2 * 1 + 1 = 3.
    # b = (3,): factors 3 * 2 + 1 = 7 and 3 * 1 + 0 = 3.
    # Products 7 and 9; weighted, 1 * 7 + 10 * 9 = 97.
    assert fused_of(model, a=[1, 2], b=[3]).tolist() == [97]


def test_low_rank_is_the_full_product_with_a_weight_tensor():
    rank, units = 3, 4
    model = low_rank(rank, units, {"a": 2, "b": 3, "c": 2})
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=2), "b": rng.normal(size=3)}
    x["c"] = rng.normal(size=2)
    factors = []
    for name, each in x.items():
        kernel, bias = model.get_layer(f"joint_factors_{name}").get_weights()
        whole = np.concatenate([kernel, bias[None]])  # [f; 1] has its weights
        factors.append(whole.reshape(len(each) + 1, rank, units))
    (scales,) = model.get_layer("joint_rank_weights").get_weights()
    tensor = np.einsum("aru,bru,cru,r->abcu", *factors, scales[:, 0])
    a, b, c = (np.append(each, 1) for each in x.values())
    expected = np.einsum("abcu,a,b,c->u", tensor, a, b, c)
    np.testing.assert_allclose(fused_of(model, **x), expected, rtol=1e-4)


def test_low_rank_weights_grow_with_the_sum_of_sizes():
    rank, units = 2, 5
    model = low_rank(rank, units, {"a": 3, "b": 4, "c": 6})
    factors = (3 + 1 + 4 + 1 + 6 + 1) * rank * units
    assert model.count_params() == factors + rank


def film(**options):
    return small.fused("film", {"a": 2, "b": 1}, **options)


def test_film_by_hand():
    model = film()
    model.get_layer("joint_gamma").set_weights(
        [np.array([[1, 2]]), np.array([0, 0])]
    )
    model.get_layer("joint_beta").set_weights(
        [np.array([[0, 1]]), np.array([2, 0])]
    )
    # b = (3,): gamma = (3, 6), beta = (0 + 2, 3).
    # a = (1, -2): (1 + 3) * 1 + 2 = 6; (1 + 6) * -2 + 3 = -11, and ReLU.
    assert fused_of(model, a=[1, -2], b=[3]).tolist() == [6, 0]


def test_film_begins_with_the_modulated_modality_alone():
    assert fused_of(film(), a=[1, 2], b=[3]).tolist() == [1, 2]
    model = film(modulated="b")
    assert fused_of(model, a=[1, 2], b=[3]).tolist() == [3]


@pytest.mark.parametrize("fusion", ["sum", "low_rank"])
def test_order_of_modalities_is_irrelevant(fusion):
    sizes = {"a": 2, "b": 2, "c": 2}
    one = small.fused(fusion, sizes)
    other = small.fused(fusion, dict(reversed(sizes.items())))
    for layer in one.layers:
        if layer.weights:
            other.get_layer(layer.name).set_weights(layer.get_weights())
    x = {"a": [1, 2], "b": [3, 4], "c": [5, 6]}
    np.testing.assert_allclose(
        fused_of(one, **x), fused_of(other, **x), rtol=1e-5
    )


def test_tower_is_what_a_head_shares_with_the_joint_head():
    built = toy.model().network
    found = network.tower_variables(built)
    for name in ("m0", "m1"):
        tower = built.get_layer(f"{name}_tower")
        assert found[name] == {id(variable) for variable in tower.variables}


def test_towers_that_another_modality_enters_are_refused():
    shared = keras.layers.Dense(4)
    inputs = {name: keras.Input((3,), name=name) for name in ("a", "b")}
    mixed = shared(keras.layers.Add()(list(inputs.values())))
    heads = {name: keras.layers.Dense(2)(mixed) for name in ("a", "b", "joint")}
    with pytest.raises(ValueError, match="needs towers that no other"):
        network.tower_variables(keras.Model(inputs, heads))
    with pytest.raises(ValueError, match="needs towers that no other"):
        gb.BlendedModel(
            keras.Model(inputs, heads),
            rule=gb.methods.get("mmpareto").new_rule(),
        )
