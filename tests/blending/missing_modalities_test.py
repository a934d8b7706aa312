"""Answers when modalities are absent."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.answers import pool
from gblend_keras.blending import isolated_heads
from gblend_keras.blending import missing_modalities
from tests import toy


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_mean(model, x, heads):
    """The log-mean of the smoothed probabilities; of one, its own."""
    logits = model.network.predict(x, verbose=0)
    own = [softmax(logits[head]) for head in heads]
    if len(own) == 1:
        return own[0]
    smoothed = [0.95 * p + 0.05 / p.shape[1] for p in own]
    return softmax(1.5 * np.mean(np.log(smoothed), axis=0))


@pytest.mark.parametrize(
    ("present", "heads"),
    [
        (["m0"], ["m0"]),
        (["m2"], ["m2"]),
        (["m2", "m0"], ["m0", "m2"]),
        (["m0", "m1", "m2"], ["m0", "m1", "m2", "joint"]),
    ],
)
def test_heads_that_see_what_is_there_answer(present, heads):
    x, _ = toy.arrays(3, num_examples=7)
    model = toy.model(3)
    found = model.predict_available({name: x[name] for name in present})
    np.testing.assert_allclose(found, log_mean(model, x, heads), atol=1e-6)


def test_batch_size_does_not_matter():
    x, _ = toy.arrays(2, num_examples=7)
    model = toy.model(2)
    one = {"m1": x["m1"]}
    expected = model.predict_available(one)
    for batch_size in (1, 3, 100):
        found = model.predict_available(one, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_multi_label_answers_are_sigmoids():
    x, _ = toy.arrays(2, num_examples=5)
    model = toy.model(2, multi_label=True)
    logits = model.network.predict(x, verbose=0)
    found = model.predict_available({"m0": x["m0"]})
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits["m0"])), 1e-5)


def test_head_without_weight_does_not_answer():
    model = toy.model(2)
    model.assign_blend_weights({"m0": 0.0, "m1": 0.4, "joint": 0.6})
    assert pool.answering_heads(model, ["m0", "m1"]) == [
        "m1",
        "joint",
    ]
    assert pool.answering_heads(model, ["m1"]) == ["m1"]
    assert pool.answering_heads(model, ["m0"]) == ["joint"]


def test_untrained_head_answers_when_there_is_no_other():
    model = toy.model(2)
    isolated_heads.isolate(model, ["m0"])
    assert pool.answering_heads(model, ["m1"]) == ["m1"]
    assert pool.answering_heads(model, ["m0", "m1"]) == ["m0"]


def normalized_tower(modality, shape, mean):
    inputs = keras.Input(shape)
    layer = keras.layers.Normalization(axis=-1, mean=mean, variance=[4.0] * 3)
    x = keras.layers.Flatten()(layer(inputs))
    x = keras.layers.Dense(4)(x)
    return keras.Model(inputs, x, name=f"{modality}_tower")


@pytest.mark.parametrize("shape", [(3,), (5, 3)])
def test_training_mean_stands_for_an_input_that_joint_misses(shape):
    towers = {
        "a": toy.tower("a", 6),
        "b": normalized_tower("b", shape, [1.0, 2.0, 3.0]),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, 3))
    model.compile("sgd")
    isolated_heads.isolate(model, ["joint"])  # as after plain joint training
    a = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    b = np.broadcast_to(np.float32([1, 2, 3]), (4, *shape))
    np.testing.assert_allclose(
        model.predict_available({"a": a}),
        model.predict({"a": a, "b": b}, verbose=0)["joint"],
        atol=1e-6,
    )


def test_recipes_keep_the_mean_where_it_is_found():
    x, y = toy.arrays(2)
    splits = gb.Splits(gb.Examples(x, y), gb.Examples(x, y), ("a", "b", "c"))
    model = gb.building.build_model(gb.recipes.get("arrays"), splits)
    found = missing_modalities.stand_in(model.network, "m1").numpy()
    np.testing.assert_allclose(found, x["m1"].mean(axis=0), atol=1e-5)


def test_zeros_stand_for_an_input_without_a_normalisation():
    x, _ = toy.arrays(2, num_examples=4)
    model = toy.model(2)
    isolated_heads.isolate(model, ["joint"])
    blank = {"m0": x["m0"], "m1": np.zeros_like(x["m1"])}
    np.testing.assert_allclose(
        model.predict_available({"m0": x["m0"]}),
        model.predict(blank, verbose=0)["joint"],
        atol=1e-6,
    )


def test_heads_that_read_absent_modalities_get_a_stand_in():
    # A modality head that sees both inputs, as behind an attention.
    a, b = keras.Input((6,), name="a"), keras.Input((7,), name="b")
    both = keras.layers.Concatenate()([a, b])
    heads = {
        h: keras.layers.Dense(3, name=f"{h}_head")(both) for h in ("a", "joint")
    }
    heads["b"] = keras.layers.Dense(3, name="b_head")(b)
    network = keras.Model({"a": a, "b": b}, heads)
    model = gb.BlendedModel(network)
    model.compile("sgd")
    assert missing_modalities.Answer(model, ["a"]).filled == ["b"]
    assert missing_modalities.Answer(model, ["b"]).filled == []
    x = np.ones((2, 6), np.float32)
    logits = network.predict({"a": x, "b": np.zeros((2, 7))}, verbose=0)["a"]
    np.testing.assert_allclose(
        model.predict_available({"a": x}), softmax(logits), atol=1e-6
    )


def test_input_of_any_size_has_no_stand_in():
    inputs = keras.Input((None, 2))
    pooled = keras.layers.GlobalAveragePooling1D()(inputs)
    towers = {
        "a": toy.tower("a", 6),
        "b": keras.Model(inputs, pooled, name="b_tower"),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, 3))
    model.compile("sgd")
    a = {"a": np.ones((2, 6), np.float32)}
    assert model.predict_available(a).shape == (2, 3)
    isolated_heads.isolate(model, ["joint"])
    with pytest.raises(ValueError, match="silence, or blank frames."):
        model.predict_available(a)


@pytest.mark.parametrize(
    ("x", "advice"),
    [
        ({}, "Pass at least one modality."),
        (np.ones((2, 6)), "Pass at least one modality."),
        ({"sound": np.ones((2, 6))}, "Rename or remove it."),
        ({"m0": np.ones((2, 5))}, "build the tower for this shape."),
        (
            {"m0": np.ones((2, 6)), "m1": np.ones((3, 7))},
            "for all examples, or split them.",
        ),
        ({"m0": np.ones((0, 6))}, "for all examples, or split them."),
    ],
)
def test_wrong_inputs_end_in_one_sentence(x, advice):
    with pytest.raises(ValueError, match=advice):
        toy.model(2).predict_available(x)
