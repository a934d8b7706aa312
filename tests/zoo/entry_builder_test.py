"""Runs that become entries, and entries that are measured again."""

import dataclasses
import json
import shutil

import pytest

import gblend_keras as gb
from gblend_keras.zoo import catalog
from gblend_keras.zoo import entry_builder
from tests.zoo.conftest import make_description


def test_adding_again_replaces_the_entry(added, runs, tmp_path):
    shutil.copytree(added / "toy_uniform", tmp_path / "z" / "toy_uniform")
    (tmp_path / "z" / "toy_uniform" / "old.txt").write_text("old")
    entry_builder.add(runs / "run_1", make_description(), place=tmp_path / "z")
    assert [each.name for each in (tmp_path / "z").iterdir()] == ["toy_uniform"]
    assert not (tmp_path / "z" / "toy_uniform" / "old.txt").exists()


def test_run_that_does_not_come_back_is_refused(runs, tmp_path):
    shutil.copytree(runs / "run_0", tmp_path / "run")
    shutil.copy(runs / "run_1" / "model.keras", tmp_path / "run")
    model = gb.runs.load_model(tmp_path / "run")
    model.network.get_layer("m0_tower").layers[-1].activation = abs
    recipe = tmp_path / "run" / "recipe.json"
    values = json.loads(recipe.read_text())
    values["recipe"]["towers"]["m0"]["widths"] = [9]
    recipe.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="is of another network"):
        entry_builder.add(
            tmp_path / "run", make_description(), place=tmp_path / "z"
        )
    assert list((tmp_path / "z").iterdir()) == []


def test_repeats_of_another_recipe_are_refused(runs, tmp_path):
    shutil.copytree(runs / "run_1", tmp_path / "run")
    path = tmp_path / "run" / "recipe.json"
    path.write_text(path.read_text().replace('"uniform"', '"joint"'))
    with pytest.raises(ValueError, match=r"Leave them out\.$"):
        entry_builder.add(
            runs / "run_0",
            make_description(),
            place=tmp_path / "z",
            repeats=[tmp_path / "run"],
        )
    assert not (tmp_path / "z").exists()


def test_descriptions_must_be_whole(runs, tmp_path):
    with pytest.raises(ValueError, match=r"underscores.*Rename it\.$"):
        make_description(name="../up")
    with pytest.raises(ValueError, match=r"others rely on it\.$"):
        make_description(about={"task": "?"})
    with pytest.raises(ValueError, match=r"Describe each of them\.$"):
        entry_builder.add(
            runs / "run_0",
            make_description(inputs={"m0": "?"}),
            place=tmp_path / "z",
        )
    path = tmp_path / "about.json"
    path.write_text(json.dumps(dataclasses.asdict(make_description())))
    assert entry_builder.read_description(path) == make_description()
    path.write_text('{"name": "mine"}')
    with pytest.raises(ValueError, match=r"See docs/zoo\.md\.$"):
        entry_builder.read_description(path)


def test_recipes_of_entries_are_those_of_the_package():
    for name in gb.zoo.names():
        entry = gb.zoo.entry(name)
        if entry.kind == "trained":
            recipe = catalog.recipe(entry)
            plain = json.loads(
                json.dumps(gb.recipes.get(recipe.name).to_json())
            )
            # Of the entries' time: `channel` had a floor, which does nothing
            # where there is one channel.
            del plain["version"]
            assert recipe == gb.config.Recipe.from_json(plain)


def test_joint_training_comes_back_with_all_weight_on_the_joint_head():
    """Isolated heads have weights that do not sum to 1 in a run."""
    model = gb.zoo.load("digits_joint")
    assert model.blend_weights == {"image": 0, "sound": 0, "joint": 1}
