"""Learning-rate factors of towers: equal to training at another rate."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending import isolated_heads
from gblend_keras.fusion.network import tower_models
from tests import toy

OPTIMIZERS = {
    "sgd": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True, weight_decay=0.1
    ),
    "adam": lambda rate: keras.optimizers.Adam(rate),
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    "scaled": lambda rate: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(rate, momentum=0.9)
    ),
}


def tower_weights(model, modality="m0"):
    (tower,) = tower_models(model.network, modality)
    return [np.array(each) for each in tower.get_weights()]


def trained_tower(optimizer, factors=None):
    """Trains the tower m0 alone, everything else frozen."""
    keras.utils.set_random_seed(3)
    model = toy.model(norm=True)
    for layer in model.network.layers:
        layer.trainable = layer.name == "m0_tower"
    model.compile(optimizer, learning_rate_factors=factors)
    isolated_heads.isolate(model, ["m0"])
    x, y = toy.arrays()
    model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
    return tower_weights(model)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_factor_trains_like_another_learning_rate(name):
    make = OPTIMIZERS[name]
    start = tower_weights(trained_from_nothing())
    scaled = trained_tower(make(0.05), {"m0": 0.2})
    slower = trained_tower(make(0.01))
    for a, b in zip(scaled, slower, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert np.abs(slower[0] - start[0]).max() > 1e-4


def trained_from_nothing():
    keras.utils.set_random_seed(3)
    return toy.model(norm=True)


def test_other_towers_and_heads_keep_their_rate():
    after = {}
    for factors in (None, {"m0": 0.1}):
        keras.utils.set_random_seed(3)
        model = toy.model(learning_rate_factors=factors)
        before = tower_weights(model)
        x, y = toy.arrays()
        model.fit(x, y, epochs=1, batch_size=96, verbose=0)  # one step
        moved = tower_weights(model)[0] - before[0]
        after[factors is None] = moved, tower_weights(model, "m1")
    # One step of SGD: the same gradient, a tenth of the way.
    np.testing.assert_allclose(after[False][0], 0.1 * after[True][0], atol=1e-7)
    for a, b in zip(after[False][1], after[True][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_estimate_needs_no_more_passes_and_leaves_no_trace():
    model = toy.model(learning_rate_factors={"m0": 0.1})
    assert isolated_heads.head_passes(model) == [["m0", "m1"], ["joint"]]
    train, holdout = gb.split_holdout(toy.arrays(), 0.25, batch_size=24)
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    toy.fit(model, train, [callback], epochs=2)
    assert callback.estimates[0].num_passes == 2


def test_factors_are_saved_with_the_model(tmp_path):
    model = toy.model(learning_rate_factors={"m0": 0.1, "m1": 1.0})
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x, y = toy.arrays()
    for each in (model, loaded):
        each.fit(x, y, epochs=1, batch_size=96, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_rule_of_a_method_is_scaled_too():
    moved = []
    for factors in (None, {"m0": 0.1}):
        keras.utils.set_random_seed(3)
        network = toy.model().network
        rule = gb.methods.get("pcgrad").new_rule()
        model = gb.BlendedModel(network, rule=rule)
        model.compile(keras.optimizers.SGD(0.05), learning_rate_factors=factors)
        before = tower_weights(model)
        x, y = toy.arrays()
        model.fit(x, y, epochs=1, batch_size=96, verbose=0)
        moved.append(tower_weights(model)[0] - before[0])
    np.testing.assert_allclose(moved[1], 0.1 * moved[0], atol=1e-7)


def test_two_replicas_scale_like_one():
    code = """
import numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tests import toy
def trained(strategy):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = toy.model(learning_rate_factors={"m0": 0.1})
    x, y = toy.arrays()
    model.fit(x, y, epochs=2, batch_size=48, shuffle=False, verbose=0)
    return model.get_weights()
one = trained(tf.distribute.get_strategy())
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for a, b in zip(one, two):
    np.testing.assert_allclose(a, b, atol=1e-5)
print("equal")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("equal"), done.stderr[-3000:]


@pytest.mark.parametrize(
    ("factors", "advice"),
    [
        ({"m7": 0.1}, "Correct the name."),
        ({"m0": 0.0}, "Choose a value inside."),
    ],
)
def test_wrong_factor_is_refused(factors, advice):
    with pytest.raises(ValueError, match=advice):
        toy.model(learning_rate_factors=factors)


def test_modalities_that_share_a_tower_share_the_factor():
    shared = toy.tower("both", 6)
    network = gb.late_fusion({"m0": shared, "m1": shared}, 3)
    model = gb.BlendedModel(network)
    model.compile("sgd", learning_rate_factors={"m0": 0.1, "m1": 0.1})
    with pytest.raises(ValueError, match="or towers of their own"):
        model.compile("sgd", learning_rate_factors={"m0": 0.1, "m1": 0.2})
