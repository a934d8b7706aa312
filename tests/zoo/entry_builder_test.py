"""Runs that become entries, and entries that are measured again."""

import dataclasses
import json
import shutil

import pytest

import gblend_keras as gb
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog
from gblend_keras.zoo import entry_builder
from gblend_keras.zoo import verifier
from tests.zoo.conftest import ABOUT
from tests.zoo.conftest import make_description


def test_card_says_what_was_measured(place, runs):
    card = gb.zoo.card("toy_uniform")
    summaries = [
        gb.reporting.read_summary(runs / f"run_{seed}") for seed in (0, 1)
    ]
    first, second = (100 * each["accuracy"]["joint"] for each in summaries)
    deviation = abs(first - second) / 2**0.5
    row = (
        f"| `joint` | {first:.1f} | {(first + second) / 2:.1f} ± "
        f"{deviation:.1f} (2 seeds) |"
    )
    assert row in card
    assert "tools/train.py --recipe=arrays --blend=uniform" in card
    assert "| 0 (fixed) | 0.333 | 0.333 | 0.333 |" in card
    for part in ABOUT.values():
        assert part in card


def test_index_and_list_name_the_entry(place):
    entry = gb.zoo.entry("toy_uniform")
    assert "[toy_uniform](toy_uniform/card.md)" in cards.index([entry])
    assert cards.text_list([entry]) == "toy_uniform  trained   toy classes"


def test_entry_gives_what_its_card_says(place, runs):
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), runs)
    assert set(verdict.checked) == {"m0", "m1", "ensemble", "joint", "blend"}
    assert not verdict.differs and "DIFFERS" not in str(verdict)


def test_figure_that_is_not_reached_is_found(place, runs):
    folder = place / "toy_uniform"
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["accuracy"]["joint"] += 0.01
    (folder / "metrics.json").write_text(json.dumps(metrics))
    entry_builder.seal(folder)
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), runs)
    assert verdict.differs == ["joint"] and "DIFFERS" in str(verdict)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("utd_mhad_offline", "needs --data_dir with 'utd_mhad'"),
        ("hub_i3d", "published"),
    ],
)
def test_what_cannot_be_measured_says_why(name, reason):
    verdict = verifier.verify(gb.zoo.entry(name), None)
    assert not verdict.differs and reason in str(verdict)


def test_missing_data_is_named(place, tmp_path):
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), tmp_path)
    assert verdict.reason == "its data 'toy.npz' is not there"


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
            assert recipe == gb.config.Recipe.from_json(
                json.loads(json.dumps(gb.recipes.get(recipe.name).to_json()))
            )


def test_joint_training_comes_back_with_all_weight_on_the_joint_head():
    """Isolated heads have weights that do not sum to 1 in a run."""
    model = gb.zoo.load("digits_joint")
    assert model.blend_weights == {"image": 0, "sound": 0, "joint": 1}
