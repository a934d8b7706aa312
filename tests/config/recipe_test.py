"""Recipes, settings from the command line, and their errors."""

import json

import pytest

import gblend_keras as gb
from gblend_keras import config


@pytest.mark.parametrize("name", gb.recipes.names())
def test_every_recipe_is_named_like_its_file_and_is_json(name):
    recipe = gb.recipes.get(name)
    assert recipe.name == name
    assert json.loads(json.dumps(recipe.to_json()))["name"] == name


@pytest.mark.parametrize("name", gb.recipes.names())
def test_recipe_comes_back_from_its_json(name):
    recipe = gb.recipes.get(name)
    plain = json.loads(json.dumps(recipe.to_json()))
    assert config.Recipe.from_json(plain) == recipe


def test_recipe_of_another_version_is_refused_or_completed():
    plain = gb.recipes.get("digits").to_json()
    del plain["train"]["nesterov"]  # added after 0.1.0
    assert config.Recipe.from_json(plain) == gb.recipes.get("digits")
    del plain["data"]["validation_by"]  # also after it
    assert config.Recipe.from_json(plain) == gb.recipes.get("digits")
    del plain["blend"]["joint_floor"]  # after it, and it did something else
    assert config.Recipe.from_json(plain) == gb.config.with_settings(
        gb.recipes.get("digits"), ["blend.joint_floor=0"]
    )
    plain["train"]["teleport"] = True
    with pytest.raises(ValueError, match="use that one."):
        config.Recipe.from_json(plain)


def test_clips_must_fit_their_frames():
    with pytest.raises(ValueError, match="Lower it."):
        config.ClipConfig(crop_size=300)
    with pytest.raises(ValueError, match="Use 256,320."):
        config.ClipConfig(jitter=(320, 256))


def test_unknown_recipe_lists_close_names():
    with pytest.raises(ValueError, match="Did you mean utd_mhad"):
        gb.recipes.get("utd_mahd")


def test_settings_are_parsed_by_the_type_of_their_field():
    recipe = config.with_settings(
        gb.recipes.get("digits"),
        [
            "train.epochs=3",
            "train.drop_at=0.5,0.75",
            "blend.holdout_by_group=false",
            "towers.image.widths=4,8",
            "towers.new.kind=mlp",
            "data.modalities=sound",
            "clips.num_frames=8",
            "data.validation_by=groups",
        ],
    )
    assert recipe.train.epochs == 3
    assert recipe.train.drop_at == (0.5, 0.75)
    assert recipe.blend.holdout_by_group is False
    assert recipe.towers["image"].widths == (4, 8)
    assert recipe.towers["new"].kind == "mlp"
    assert recipe.data.modalities == ("sound",)
    assert recipe.data.clips.num_frames == 8
    assert recipe.data.validation_by == "groups"


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("train.epochs", "Write train.epochs=10, say."),
        ("train.epoch=3", "Check the spelling."),
        ("epochs=3", "for all keys."),
        ("train.epochs=many", "Correct the value."),
        ("train.epochs=0", "Choose a value inside."),
        ("blend.holdout_by_group=yes", "Correct the value."),
        ("blend.measure=los", "Choose one of them."),
        ("towers.image.kind=conv9d", "Choose one of them."),
        ("towers.image.widths=", "Choose a value inside."),
        ("data.evaluate_on=train", "Choose one of them."),
        ("data.validation_by=true", "Choose one of them."),
    ],
)
def test_wrong_settings_are_refused(setting, advice):
    with pytest.raises(ValueError, match=advice):
        config.with_settings(gb.recipes.get("digits"), [setting])


def test_old_names_are_refused_with_the_new_one():
    recipe = gb.recipes.get("digits")
    with pytest.raises(ValueError, match=r"Write standardize\.$"):
        config.with_settings(recipe, ["towers.image.standardise=none"])
    with pytest.raises(ValueError, match=r"Write standardize\.$"):
        config.TowerConfig(**{"standardise": "none"})


def test_old_names_in_files_are_read():
    recipe = config.with_settings(
        gb.recipes.get("digits"), ["towers.image.standardize=none"]
    )
    plain = recipe.to_json()
    tower = plain["towers"]["image"]
    tower["standardise"] = tower.pop("standardize")
    assert config.Recipe.from_json(plain) == recipe


def test_scaling_of_an_earlier_version_is_the_one_with_a_floor():
    now = config.with_settings(
        gb.recipes.get("digits"),
        ["towers.image.standardize=element", "towers.sound.standardize=none"],
    )
    now = config.with_settings(now, ["towers.new.standardize=channel"])
    plain = now.to_json()
    assert config.Recipe.from_json(plain) == now
    del plain["version"]
    before = config.with_settings(
        now,
        [
            "towers.image.standardize=element_floored",
            "towers.new.standardize=channel_floored",
        ],
    )
    assert config.Recipe.from_json(plain) == before
    tower = plain["towers"]["image"]
    tower["standardise"] = tower.pop("standardize")  # older still
    assert config.Recipe.from_json(plain) == before


@pytest.mark.parametrize("version", [0, 3, "2"])
def test_recipe_of_a_later_version_is_refused(version):
    plain = gb.recipes.get("digits").to_json() | {"version": version}
    with pytest.raises(ValueError, match="use that one."):
        config.Recipe.from_json(plain)
