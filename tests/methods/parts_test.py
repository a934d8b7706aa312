"""Phases, the best epoch, runs, the documented example, replicas."""

import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks import metrics_log
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import PhaseStarter
from gblend_keras.callbacks.phases import trained_heads
from gblend_keras.methods import early_stopping
from gblend_keras.training import trainer
from tests import toy
from tests.methods import small
from tests.places import ROOT


class Watcher(keras.callbacks.Callback):
    """Notes what an epoch is trained with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            momenta = [
                np.abs(keras.ops.convert_to_numpy(variable)).sum()
                for variable in self.model.optimizer.variables[2:]
            ]
            weights = np.array(list(self.model.blend_weights.values()))
            rate = float(self.model.optimizer.learning_rate.numpy())
            plain = weights * self.model.loss_scale
            self.seen.append((plain.round(5).tolist(), sum(momenta), rate))


def test_phases_set_heads_and_start_with_a_fresh_optimizer():
    model = toy.model()
    phases = [Phase(2, ("m0", "m1")), Phase(2, ("joint",)), Phase(2)]
    settings = gb.config.TrainConfig(learning_rate=0.1, drop_at=(0.5,))
    schedule = optimizer_builder.make_schedule(settings, phases=phases)
    watcher = Watcher()
    callbacks = [PhaseStarter(phases), schedule, watcher]
    toy.fit(model, toy.arrays()[0], callbacks, epochs=6, y=toy.arrays()[1])
    weights, momenta, rates = zip(*watcher.seen, strict=True)
    assert weights[::2] == weights[1::2] == ([1, 1, 0], [0, 0, 1], [1, 1, 1])
    assert [bool(each) for each in momenta] == [False, True] * 3
    assert rates == pytest.approx([0.1, 0.01] * 3)


def test_resumed_phase_keeps_what_the_checkpoint_says():
    model = toy.model()
    model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
    x, y = toy.arrays()
    phases = [Phase(3, ("joint",))]
    toy.fit(model, x, [PhaseStarter(phases)], y=y, initial_epoch=1)
    assert model.blend_weights["m0"] == pytest.approx(0.5)


def test_trained_heads_are_those_of_all_phases():
    heads = ["m0", "m1", "joint"]
    both = [Phase(1, ("joint",)), Phase(1, ("m0",))]
    assert trained_heads(both, heads) == ["m0", "joint"]
    assert trained_heads([*both, Phase(1)], heads) == heads


def test_pretraining_is_the_towers_alone_then_the_joint_network():
    heads = ["m0", "m1", "joint"]
    phases = gb.methods.get("pretrain").phases(heads, 6)
    assert phases == [Phase(6, ("m0", "m1")), Phase(6, ("joint",))]


# Early stopping


def script(monkeypatch, values):
    """Makes V give these (accuracy, loss), one an epoch."""
    values = iter(values)

    def measured(self):
        accuracy, loss = next(values)
        return {"accuracy": accuracy, "loss": loss}

    monkeypatch.setattr(early_stopping.BestEpoch, "_measured", measured)


def test_best_epoch_is_put_back(tmp_path, monkeypatch):
    # Epoch 2 ties with 1 in accuracy and has the lower loss; 3 only ties.
    script(monkeypatch, [(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.8)])
    model = toy.model()
    weights = []
    keeper = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    best = early_stopping.BestEpoch(None, tmp_path)
    x, y = toy.arrays()
    toy.fit(model, x, [best, keeper], epochs=4, y=y)
    assert best.report() == {"reported_epoch": 3, "holdout_accuracy": 0.7}
    for one, other in zip(weights[2], model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list(tmp_path.glob("best-*"))) == 1


def test_best_epoch_of_a_stopped_fit_counts(tmp_path, monkeypatch):
    x, y = toy.arrays()
    script(monkeypatch, [(0.9, 0.1)])
    model = toy.model()
    toy.fit(model, x, [early_stopping.BestEpoch(None, tmp_path)], epochs=1, y=y)
    first = model.get_weights()
    script(monkeypatch, [(0.5, 0.1), (0.5, 0.1)])
    best = early_stopping.BestEpoch(None, tmp_path)
    toy.fit(model, x, [best], epochs=3, y=y, initial_epoch=1)
    assert best.report()["reported_epoch"] == 1
    for one, other in zip(first, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_best_epoch_measures_the_joint_head_on_the_holdout(tmp_path):
    method = gb.methods.get("early_stopping")
    work = small.job(method, small.recipe(tmp_path), tmp_path / "run")
    data = method.data(work)
    trained = sum(len(y) for _, y in data.dataset)
    assert trained == pytest.approx(0.75 * len(work.train), abs=1)
    _, report = small.fit(method, work)
    saved = json.loads(
        (tmp_path / "run" / "checkpoint" / "best_epoch.json").read_text()
    )
    assert report["reported_epoch"] == saved["epoch"] + 1
    assert 0 <= report["holdout_accuracy"] <= 1
    newest, *_ = run_checkpoint.saved_epochs(tmp_path / "run" / "checkpoint")
    assert newest[0] == small.EPOCHS  # all epochs were trained


# Runs


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
    work = small.job(method, small.recipe(tmp_path), tmp_path)
    assert work.model.network.get_layer("joint_dropout").rate == 0.4


# Documentation


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


# Replicas


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
