"""What every fusion must do, and how Gradient-Blending treats each."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras import config
from gblend_keras.blending import isolated_heads
from gblend_keras.fusion import registry
from tests import toy
from tests.fusion import small

fusions = pytest.mark.parametrize("fusion", config.FUSIONS)


def test_every_fusion_of_the_configuration_is_built():
    assert tuple(registry.BUILDERS) == config.FUSIONS


@fusions
def test_network_gives_logits_of_every_head(fusion, num_modalities=3):
    network = small.network(fusion, num_modalities)
    x, _ = toy.arrays(num_modalities, num_examples=3)
    logits = network(x)
    heads = [*x, "joint"]
    assert list(network.output) == heads
    for head in heads:
        assert logits[head].shape == (3, toy.NUM_CLASSES)
        assert network.get_layer(f"{head}_head").dtype == "float32"


@fusions
def test_every_weight_gets_a_finite_gradient(fusion):
    network = small.network(fusion, dropout=0.5)
    x, y = toy.arrays(num_examples=6)
    with tf.GradientTape() as tape:
        logits = network(x, training=True)
        loss = sum(
            tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(y, each)
            )
            for each in logits.values()
        )
    variables = network.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path


@fusions
def test_examples_do_not_mix(fusion):
    network = small.network(fusion)
    x, _ = toy.arrays(num_examples=3)
    first = {name: values[:1] for name, values in x.items()}
    for head, logits in network(first).items():
        np.testing.assert_allclose(network(x)[head][:1], logits, atol=1e-5)


@fusions
def test_towers_keep_their_weights_and_give_them_to_the_network(fusion):
    towers = small.towers()
    before = [value for each in towers.values() for value in each.get_weights()]
    network = gb.fuse(towers, toy.NUM_CLASSES, fusion=fusion)
    after = [value for each in towers.values() for value in each.get_weights()]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    mine = {id(variable) for variable in network.variables}
    for tower in towers.values():
        assert {id(variable) for variable in tower.variables} <= mine


@fusions
@pytest.mark.parametrize("num_modalities", [2, 3])
def test_heads_that_meet_are_trained_one_by_one(fusion, num_modalities):
    model = small.model(fusion, num_modalities)
    heads = [f"m{index}" for index in range(num_modalities)]
    expected = [heads, ["joint"]]
    if fusion in small.EXCHANGING:
        expected = [[head] for head in (*heads, "joint")]
    assert isolated_heads.head_passes(model) == expected


@fusions
def test_modality_head_sees_others_only_where_towers_exchange(fusion):
    network = small.network(fusion)
    x, _ = toy.arrays(num_examples=4)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:  # blocks may begin closed
        variable.assign_add(np.abs(rng.normal(size=variable.shape)))
    before = network(x)["m0"]
    after = network({**x, "m1": x["m1"] + 1.0})["m0"]
    assert bool(np.any(before != after)) == (fusion in small.EXCHANGING)


@fusions
def test_estimate_runs_and_the_model_is_saved(fusion, tmp_path):
    model = small.model(fusion)
    x, y = toy.arrays(num_examples=32)
    train, holdout = gb.split_holdout((x, y), 0.25, seed=0, batch_size=12)
    blending = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    toy.fit(model, train, [blending], epochs=1)
    weights = model.blend_weights
    assert list(weights) == ["m0", "m1", "joint"]
    np.testing.assert_allclose(sum(weights.values()), 1.0, atol=1e-6)
    assert min(weights.values()) >= 0.0
    assert len(blending.estimates) == 1

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for head, logits in model.network(x).items():
        np.testing.assert_allclose(again.network(x)[head], logits, atol=1e-6)


@fusions
def test_saved_network_gives_the_same_logits(fusion, tmp_path):
    network = small.network(fusion, 3)
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    x, _ = toy.arrays(3, num_examples=4)
    for head, logits in network(x).items():
        np.testing.assert_allclose(again(x)[head], logits, atol=1e-6)


def test_saved_network_loads_where_only_the_package_was_imported(tmp_path):
    for fusion in ("mid_concat", "bottleneck"):  # those with layers of ours
        small.network(fusion).save(tmp_path / f"{fusion}.keras")
    code = (
        "import keras, gblend_keras\n"
        "for name in ('mid_concat', 'bottleneck'):\n"
        f"    keras.models.load_model(r'{tmp_path}/' + name + '.keras')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@fusions
def test_mixed_precision_keeps_heads_and_weights_in_float32(fusion):
    keras.config.set_dtype_policy("mixed_float16")
    network = small.network(fusion)
    assert network.get_layer("m0_head").compute_dtype == "float32"
    x, _ = toy.arrays(num_examples=8)
    variables = network.trainable_variables
    with tf.GradientTape() as tape:
        logits = network(x, training=True)
        loss = sum(tf.reduce_mean(tf.square(each)) for each in logits.values())
    assert {each.dtype.name for each in logits.values()} == {"float32"}
    assert {each.dtype for each in variables} == {"float32"}
    for gradient in tape.gradient(loss, variables):
        assert np.isfinite(gradient).all()


def test_concat_is_late_fusion():
    networks = []
    for build in (gb.late_fusion, gb.fuse):
        keras.utils.set_random_seed(3)
        networks.append(build(small.towers(), toy.NUM_CLASSES))
    x, _ = toy.arrays(num_examples=3)
    for head, logits in networks[0](x).items():
        np.testing.assert_array_equal(networks[1](x)[head], logits)


WRONG = [
    ({"fusion": "se_gat"}, "Did you mean se_gate"),
    ({"fusion": "concat", "rank": 3}, "choose another fusion."),
    ({"fusion": "low_rank", "rank": 0}, "Choose a larger one."),
    ({"fusion": "film", "modulated": "m7"}, "Choose one of these."),
    ({"fusion": "mid_concat", "base": "m7"}, "Choose one of these."),
    ({"fusion": "se_gate", "reduction": 0}, "Choose a larger one."),
    ({"fusion": "bottleneck", "num_tokens": 0}, "Choose a larger one."),
    ({"fusion": "bottleneck", "num_layers": 1}, "Choose a larger one."),
    ({"fusion": "bottleneck", "num_heads": 3}, "Choose a divisor."),
    ({"fusion": "sum", "hidden_units": 0}, "Leave it out."),
]
WRONG += [
    ({"fusion": fusion, "stage": stage}, advice)
    for fusion in ("mid_concat", *small.EXCHANGING)
    for stage, advice in (
        ("middle", "Choose one of these."),
        ({"m0": "low"}, "or give one stage for all."),
    )
]


@pytest.mark.parametrize(("arguments", "advice"), WRONG)
def test_wrong_choices_are_refused(arguments, advice):
    with pytest.raises(ValueError, match=advice):
        small.network(**arguments)


@pytest.mark.parametrize("fusion", ["film", "mid_concat", *small.EXCHANGING])
def test_one_modality_has_nothing_to_exchange(fusion):
    with pytest.raises(ValueError, match="Use fusion='concat' for one."):
        small.network(fusion, 1)


@pytest.mark.parametrize("fusion", ["concat", "sum", "low_rank"])
def test_one_modality_can_be_fused_late(fusion):
    assert list(small.network(fusion, 1).output) == ["m0", "joint"]


@pytest.mark.parametrize("fusion", ["mid_concat", *small.EXCHANGING])
def test_towers_without_stages_are_refused(fusion):
    towers = {name: toy.tower(name, 6) for name in ("m0", "m1")}
    with pytest.raises(ValueError, match="End each stage with"):
        gb.fuse(towers, 3, fusion=fusion)
