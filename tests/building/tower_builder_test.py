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


# Deviations 1, 3, 8 and 0: mean 3.
FEATURES = np.array([[9.0, 2.0, 8.0, 5.0], [7.0, 8.0, -8.0, 5.0]])


def standardized(scope, values=FEATURES):
    layer = tower_builder.standardization(scope, FEATURES)
    return np.asarray(layer(np.asarray(values, np.float32)))


def test_every_feature_is_divided_by_its_own_deviation():
    np.testing.assert_allclose(
        standardized("element"), [[1, -1, 1, 0], [-1, 1, -1, 0]], rtol=1e-6
    )


def test_floor_leaves_small_what_varies_less_than_the_mean():
    # 1 / 3 for the first feature: the mean deviation is 3.
    expected = [[1 / 3, -1, 1, 0], [-1 / 3, 1, -1, 0]]
    np.testing.assert_allclose(
        standardized("element_floored"), expected, rtol=1e-6
    )
    # With one value an example, a channel is a feature.
    np.testing.assert_allclose(
        standardized("channel_floored"), expected, rtol=1e-6
    )


def test_channels_are_divided_by_their_own_deviation_over_all_else():
    steps = FEATURES[:, None, :] + np.array([[[0.0], [2.0]]])
    layer = tower_builder.standardization("channel", steps)
    found = np.asarray(layer(steps.astype(np.float32)))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=(0, 1)), 1, rtol=1e-6)


SCALING = ["channel", "channel_floored", "element", "element_floored"]


@pytest.mark.parametrize("scope", SCALING)
def test_feature_that_was_constant_does_not_explode(scope):
    new = [[8, 5, 0, 8]]  # 3 more than the fourth ever was, or one deviation
    np.testing.assert_allclose(
        standardized(scope, new), [[0, 0, 0, 1]], rtol=1e-6
    )


def test_feature_that_is_almost_constant_counts_as_constant():
    def scaled(spread):
        rows = np.array([[-1.0, spread], [1.0, -spread]])
        layer = tower_builder.standardization("element", rows)
        return float(np.asarray(layer(rows.astype(np.float32)))[0, 1])

    assert scaled(0.001) == pytest.approx(1)
    # Mean deviation 0.50005: 0.0001 is less than a thousandth of it.
    assert scaled(0.0001) == pytest.approx(0.0001 / 0.50005)


def test_constant_modality_stays_zero():
    rows = np.full((3, 2), 7.0, np.float32)
    for scope in SCALING:
        layer = tower_builder.standardization(scope, rows)
        assert np.asarray(layer(rows)).tolist() == [[0, 0]] * 3
