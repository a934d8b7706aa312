"""Fallbacks where a modality is absent, compared."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.evaluation import fallbacks
from gblend_keras.evaluation import text_tables
from tests import toy


def setting(**arguments):
    x, y = toy.arrays(3, num_examples=30)
    model = toy.model(3, **arguments)
    model.assign_blend_weights({"m0": 0.6, "m1": 0.2, "m2": 0.1, "joint": 0.1})
    return model, gb.Examples(x, y)


def answers(model, examples, present):
    candidates = fallbacks.Candidates(model, examples, examples, batch_size=7)
    fallbacks_of = candidates.fallbacks()
    return {name: answer(present) for name, answer in fallbacks_of.items()}


def test_first_fallback_is_what_the_model_does():
    model, examples = setting()
    found = answers(model, examples, ("m0", "m2"))["pool"]
    x = {name: examples.x[name] for name in ("m0", "m2")}
    np.testing.assert_allclose(found, model.predict_available(x), atol=1e-6)


def test_means_of_probabilities():
    model, examples = setting()
    p = model.predict(examples.x, verbose=0)
    found = answers(model, examples, ("m0", "m1"))
    mean = (p["m0"] + p["m1"]) / 2
    np.testing.assert_allclose(found["probabilities"], mean, atol=1e-6)
    weighted = (0.6 * p["m0"] + 0.2 * p["m1"]) / 0.8
    np.testing.assert_allclose(found["weighted"], weighted, atol=1e-6)


def test_joint_head_answers_with_what_stands_for_the_absent():
    model, examples = setting()
    found = answers(model, examples, ("m0", "m1"))
    blank = {**examples.x, "m2": np.zeros_like(examples.x["m2"])}
    p = model.predict(blank, verbose=0)
    np.testing.assert_allclose(found["joint_mean_input"], p["joint"], atol=1e-6)
    everything = (p["m0"] + p["m1"] + p["joint"]) / 3
    np.testing.assert_allclose(found["all_mean_input"], everything, atol=1e-6)


def test_joint_head_reads_the_features_that_are_given():
    model, examples = setting()
    tower = model.network.get_layer("m2_tower")
    mean = keras.ops.mean(tower(examples.x["m2"]), axis=0)
    logits = [
        model.network.get_layer(f"{name}_tower")(examples.x[name])
        for name in ("m0", "m1")
    ]
    logits.append(keras.ops.broadcast_to(mean, logits[0].shape))
    x = keras.ops.concatenate(logits, axis=1)
    for layer in model.network.layers:
        if layer.name.startswith("joint") and hasattr(layer, "kernel"):
            x = layer(x)
    found = answers(model, examples, ("m0", "m1"))["joint_mean_features"]
    np.testing.assert_allclose(found, keras.ops.softmax(x), atol=1e-5)


def test_every_fallback_is_scored_on_every_partial_subset():
    model, examples = setting()
    found = fallbacks.compare_fallbacks(model, examples, train=examples)
    assert len(found) == 10
    for scores in found.values():
        parts = {name: v for name, v in scores.items() if name != "score"}
        assert set(parts) == {"m0", "m1", "m2", "m0+m1", "m0+m2", "m1+m2"}
        assert scores["score"] == pytest.approx(np.mean(list(parts.values())))
    lines = text_tables.absent_table(found).splitlines()
    assert len(lines) == 11
    shares = [float(line.split()[-1]) for line in lines[1:]]
    assert shares == sorted(shares, reverse=True)


def test_multi_label_fallbacks_are_scored_by_precision():
    model, examples = setting(multi_label=True)
    hot = gb.Examples(examples.x, np.eye(3, dtype=np.float32)[examples.y])
    found = fallbacks.compare_fallbacks(model, hot, train=hot)
    p = model.predict(hot.x, verbose=0)["m0"]
    expected = gb.evaluation.average_precision(p, hot.y).mean
    assert found["logits"]["m0"] == pytest.approx(expected)


def test_single_modality_has_nothing_to_compare():
    x, y = toy.arrays(1)
    examples = gb.Examples(x, y)
    with pytest.raises(ValueError, match="Leave out --compare_absent."):
        fallbacks.compare_fallbacks(toy.model(1), examples, train=examples)


def test_heads_that_read_several_modalities_are_refused():
    a, b = keras.Input((6,), name="a"), keras.Input((7,), name="b")
    both = keras.layers.Concatenate()([a, b])
    heads = {
        name: keras.layers.Dense(3, name=f"{name}_head")(both)
        for name in ("a", "b", "joint")
    }
    model = gb.BlendedModel(keras.Model({"a": a, "b": b}, heads))
    x = {"a": np.ones((3, 6)), "b": np.ones((3, 7))}
    examples = gb.Examples(x, np.arange(3))
    with pytest.raises(ValueError, match="Compare fallbacks on a late fusion."):
        fallbacks.compare_fallbacks(model, examples, train=examples)
