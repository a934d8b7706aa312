"""Towers of a recipe, by kind."""

import numpy as np
import pytest

from gblend_keras import config
from gblend_keras.building import tower_builder
from gblend_keras.data import example_set


def test_recipe_names_any_tower_by_kind():
    rng = np.random.default_rng(0)
    examples = example_set.Examples(
        x={
            "audio": rng.normal(size=(4, 100, 40, 1)).astype("float32"),
            "lidar": rng.normal(size=(4, 16, 3)).astype("float32"),
        },
        y=np.arange(4),
    )
    settings = config.TowerConfig(kind="audio_resnet", depth=18)
    tower = tower_builder.build_tower("audio", settings, examples)
    assert tower.name == "audio_tower"
    assert tower.output.shape == (None, 512)
    plain = config.TowerConfig(kind="pointnet", standardize="none")
    lidar = tower_builder.build_tower("lidar", plain, examples)
    assert lidar.output.shape[1] == 1024
    with pytest.raises(ValueError, match="scale the data beforehand."):
        tower_builder.build_tower(
            "lidar", config.TowerConfig(kind="pointnet"), examples
        )


def test_small_pointnet_has_no_matrices_and_an_unknown_one_is_refused():
    rng = np.random.default_rng(0)
    examples = example_set.Examples(
        x={"points": rng.normal(size=(4, 16, 3)).astype("float32")},
        y=np.arange(4),
    )

    def build(variant):
        settings = config.TowerConfig(
            kind="pointnet", variant=variant, standardize="none"
        )
        return tower_builder.build_tower("points", settings, examples)

    small, whole = build("small"), build("")
    assert small.output.shape[1] == 128
    assert small.count_params() < whole.count_params() / 50
    with pytest.raises(ValueError, match="Choose one of them."):
        build("tiny")
