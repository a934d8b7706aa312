"""Fusions chosen in a recipe, as `--set` does."""

import json

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras import config
from gblend_keras import methods
from gblend_keras.data.sets import registry
from gblend_keras.training import trainer
from tests import toy


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=48)
    x = {name: values[..., None] for name, values in x.items()}  # positions
    np.savez(tmp_path / "toy.npz", y=y, **x)
    return config.with_settings(
        gb.recipes.get("arrays"),
        [
            f"data.path={tmp_path / 'toy.npz'}",
            "train.epochs=2",
            "towers.m0.widths=4,8",
            "towers.m1.widths=4,8",
            "blend.first_super_epoch=2",
            "blend.holdout_fraction=0.25",
            "fusion.name=se_gate",
            "fusion.stage=stage_0",
            "fusion.reduction=2",
        ],
    )


def test_settings_reach_the_network(recipe):
    splits = registry.load(recipe.data, data_dir=None)
    network = gb.building.build_model(recipe, splits).network
    # 4 channels at stage 0, and 2 of them a unit.
    assert network.get_layer("m0_gate_squeeze").units == 2


def test_settings_are_part_of_the_recipe(recipe):
    written = json.loads(json.dumps(recipe.to_json()))["fusion"]
    assert config.FusionConfig(**written) == recipe.fusion
    assert recipe.fusion.options() == {"stage": "stage_0", "reduction": 2}


def test_run_with_exchanging_towers_is_blended(recipe, tmp_path):
    run = trainer.Run(workdir=tmp_path / "run", verbose=False)
    summary = trainer.train(recipe, run)
    (estimate,) = json.loads((run.workdir / "blend_history.json").read_text())
    np.testing.assert_allclose(
        sum(estimate["weights"].values()), 1.0, atol=1e-6
    )
    assert set(summary["accuracy"]) >= {"m0", "m1", "joint"}


@pytest.mark.parametrize(
    ("blend", "fusion"),
    [
        ("online", "se_gate"),
        ("joint", "se_gate"),
        ("modalities", "concat"),
        ("m0", "concat"),
    ],
)
def test_modality_that_trains_alone_sees_no_other(recipe, blend, fusion):
    method = methods.get(blend, modalities=["m0", "m1"])
    assert method.adapt(recipe).fusion.name == fusion


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("fusion.name=se_gat", "Did you mean se_gate"),
        ("fusion.rnk=3", "Check the spelling."),
        ("fusion.rank=-1", "Choose a value inside."),
    ],
)
def test_wrong_settings_are_refused(recipe, setting, advice):
    with pytest.raises(ValueError, match=advice):
        config.with_settings(recipe, [setting])


def test_setting_of_another_fusion_is_refused(recipe):
    other = config.with_settings(recipe, ["fusion.rank=3"])
    splits = registry.load(recipe.data, data_dir=None)
    with pytest.raises(ValueError, match="choose another fusion."):
        gb.building.build_model(other, splits)
