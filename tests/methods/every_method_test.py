"""What every method promises: it trains, resumes and saves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import rules
from gblend_keras.callbacks import run_checkpoint
from tests import toy
from tests.methods import small

NAMES = [*gb.methods.names(), "m0"]
OTHER_NETWORKS = ("mid_concat", "se_gate", "non_local")


@pytest.fixture(autouse=True)
def _deterministic():
    tf.config.experimental.enable_op_determinism()


@pytest.fixture
def recipe(tmp_path):
    return small.recipe(tmp_path)


def get(name):
    return gb.methods.get(name, modalities=["m0", "m1"])


def towers_of(model):
    towers = ("m0_tower", "m1_tower")
    layers = [model.network.get_layer(name) for name in towers]
    return [value for layer in layers for value in layer.get_weights()]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    work = small.job(get("joint"), small.recipe(folder), folder)
    return towers_of(work.model)


@pytest.mark.parametrize("name", NAMES)
def test_method_trains_resumes_bit_for_bit_and_saves(
    recipe, tmp_path, start, name
):
    method, workdir = get(name), tmp_path / "run"
    unbroken = small.job(method, recipe, workdir)
    before = toy.state(unbroken.model)
    if name not in OTHER_NETWORKS:  # one seed, one start for all methods
        assert all(map(np.array_equal, towers_of(unbroken.model), start))
    history, _ = small.fit(method, unbroken)
    after = toy.state(unbroken.model)
    assert np.isfinite(history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))

    newest, *_ = run_checkpoint.saved_epochs(workdir / "checkpoint")
    newest[1].unlink()  # as if killed in the last epoch
    resumed = small.job(method, recipe, workdir)
    again, _ = small.fit(method, resumed)
    assert len(again["loss"]) == 1
    toy.assert_state(resumed.model, after)

    unbroken.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = {name: values[:8] for name, values in unbroken.train.x.items()}
    expected, found = unbroken.model(x), loaded(x)
    for head in expected:
        np.testing.assert_array_equal(expected[head], found[head])
    assert loaded.blend_weights == unbroken.model.blend_weights


@pytest.mark.parametrize("name", ["gradnorm", "pcgrad"])
def test_step_is_traced_once(name):
    rule = get(name).new_rule()
    calls = []
    original = rule.gradients

    def counted(model, step):
        calls.append(None)
        return original(model, step)

    rule.gradients = counted
    model = small.blended(rule)
    data = toy.arrays()
    model.fit(*data, batch_size=16, epochs=1, verbose=0)
    traced = len(calls)
    model.fit(*data, batch_size=16, epochs=2, verbose=0)
    assert len(calls) == traced <= 2


@pytest.mark.parametrize("name", ["mmpareto", "ogm_ge", "gradnorm"])
def test_rules_train_in_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    model = small.blended(get(name).new_rule())
    history = model.fit(*toy.arrays(), epochs=4, verbose=0).history
    assert history["joint_loss"][-1] < history["joint_loss"][0]
    assert np.isfinite(list(model.blend_weights.values())).all()


def test_rule_that_changes_nothing_trains_like_keras_own_step():
    penalized = {"kernel_regularizer": "l2"}

    def trained(rule):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,))
        x = keras.layers.Dense(4, activation="relu", **penalized)(inputs)
        tower = keras.Model(inputs, x, name="m0_tower")
        model = gb.BlendedModel(gb.late_fusion({"m0": tower}, 3), rule=rule)
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
        history = model.fit(
            *toy.arrays(1), epochs=2, shuffle=False, verbose=0
        ).history
        return model.get_weights(), history

    (plain, logs), (ruled, other_logs) = trained(None), trained(rules.Rule())
    for one, other in zip(plain, ruled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert other_logs["loss"] == pytest.approx(logs["loss"], rel=1e-5)


def test_saved_model_of_a_rule_trains_on_as_a_plain_one(tmp_path):
    model = small.blended(get("uncertainty").new_rule())
    data = toy.arrays()
    model.fit(*data, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    weights = loaded.blend_weights
    assert weights == model.blend_weights
    loaded.fit(*data, epochs=1, verbose=0)
    assert loaded.blend_weights == weights  # nobody learns them any more
