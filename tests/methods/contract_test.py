"""What every method promises: it trains, resumes and saves."""

import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import rules
from gblend_keras.callbacks import metrics_log
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.methods import mmpareto
from gblend_keras.methods import ogm_ge
from gblend_keras.training import trainer
from tests import toy
from tests.methods import small
from tests.places import ROOT

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
    work = small.ready_run(get("joint"), small.recipe(folder), folder)
    return towers_of(work.model)


@pytest.mark.parametrize("name", NAMES)
def test_method_trains_resumes_bit_for_bit_and_saves(
    recipe, tmp_path, start, name
):
    method, workdir = get(name), tmp_path / "run"
    unbroken = small.ready_run(method, recipe, workdir)
    before = toy.state(unbroken.model)
    if name not in OTHER_NETWORKS:  # one seed, one start for all methods
        assert all(map(np.array_equal, towers_of(unbroken.model), start))
    history, _ = small.fit(method, unbroken)
    after = toy.state(unbroken.model)
    assert np.isfinite(history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))

    newest, *_ = run_checkpoint.saved_epochs(workdir / "checkpoint")
    newest[1].unlink()  # as if killed in the last epoch
    resumed = small.ready_run(method, recipe, workdir)
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


@pytest.mark.parametrize("rule", [mmpareto.MMPareto(1.5), ogm_ge.OgmGe(0.5, 1)])
def test_towers_that_other_modalities_enter_are_refused(rule):
    towers = {name: toy.tower("shared", 6) for name in ("m0", "m1")}
    towers["m1"] = towers["m0"]
    with pytest.raises(ValueError, match="or choose another method."):
        gb.BlendedModel(gb.late_fusion(towers, 3), rule=rule)


def test_run_of_a_method_says_what_it_did(tmp_path):
    recipe = small.recipe(tmp_path, ["methods.pretrain.share=0.5"])
    run = trainer.Run(tmp_path / "run", blend="pretrain", verbose=False)
    summary = trainer.train(recipe, run)
    assert summary["epochs_trained"] == summary["reported_epoch"] == 3
    assert summary["trained_heads"] == ["m0", "m1", "joint"]
    assert len(metrics_log.read_metrics(run.workdir / "metrics.csv")) == 3
    written = json.loads((run.workdir / "recipe.json").read_text())
    assert written["recipe"]["methods"] == {"pretrain": {"share": 0.5}}


@pytest.mark.parametrize("name", ["mid_concat", "se_gate", "non_local"])
def test_towers_without_stages_are_refused_before_training(tmp_path, name):
    x, y = toy.arrays(num_examples=48)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    recipe = gb.config.with_settings(
        gb.recipes.get("arrays"), [f"data.path={tmp_path / 'toy.npz'}"]
    )
    run = trainer.Run(tmp_path / "run", blend=name, verbose=False)
    with pytest.raises(ValueError) as caught:
        trainer.train(recipe, run)
    assert f"Method '{name}' cannot train this recipe." in str(caught.value)
    assert "names no stage" in str(caught.value)


def test_recipes_own_fusion_keeps_its_settings(tmp_path):
    settings = ["fusion.name=se_gate", "fusion.reduction=2"]
    recipe = small.recipe(tmp_path, settings)
    assert gb.methods.get("se_gate").adapt(recipe) == recipe
    other = gb.methods.get("non_local").adapt(recipe)
    assert other.fusion == gb.config.FusionConfig(name="non_local")


def test_dropout_is_in_the_network(tmp_path):
    method = gb.methods.get("dropout", options={"dropout": {"rate": 0.4}})
    work = small.ready_run(method, small.recipe(tmp_path), tmp_path)
    assert work.model.network.get_layer("joint_dropout").rate == 0.4


def test_documented_example_is_a_method(tmp_path, monkeypatch):
    text = ROOT.joinpath("docs", "methods.md").read_text()
    (code,) = re.findall(r'```python\n("""focal.*?)```', text, re.DOTALL)
    (tmp_path / "focal.py").write_text(code)
    monkeypatch.setattr(gb.methods, "__path__", [str(tmp_path)])
    assert gb.methods.names() == ["focal"]
    method = gb.methods.get("focal", options={"focal": {"power": 2.0}})
    model = small.blended(method.new_rule())
    model.fit(*toy.arrays(), epochs=1, verbose=0)
    weights = list(model.blend_weights.values())
    assert sum(weights) == pytest.approx(1) and np.ptp(weights) > 1e-3
    sys.modules.pop("gblend_keras.methods.focal")


@pytest.mark.large
def test_two_replicas_train_rules_like_one():
    code = """
import numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import gblend_keras as gb
from tests import toy
from tests.methods import small
from tests.places import ROOT
x, y = toy.arrays()
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(24)
def trained(strategy, name, options):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        rule = gb.methods.get(name, options={name: options}).new_rule()
        model = small.blended(rule)
    model.fit(data, epochs=2, verbose=0, shuffle=False)
    return model
for name, options in (
    ("uncertainty", {}), ("gradnorm", {}), ("mmpareto", {}), ("pcgrad", {}),
    ("ogm_ge", {"noise": 0.0}),
):
    one = trained(tf.distribute.get_strategy(), name, options)
    two = trained(mirrored, name, options)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5, err_msg=name)
for name in ("modality_dropout", "ogm_ge"):
    trained(mirrored, name, {})
print("equal")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("equal"), done.stderr[-3000:]
