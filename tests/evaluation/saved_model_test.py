"""Run directories and saved models, evaluated on a split."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.data.sets import registry
from gblend_keras.evaluation import saved_model
from gblend_keras.evaluation import text_tables
from tests import toy
from tests.places import ROOT


def make_recipe(folder, **settings):
    settings = {
        "data.path": folder / "toy.npz",
        "train.epochs": 2,
        "towers.m0.widths": 8,
        "towers.m1.widths": 8,
        **settings,
    }
    return gb.config.with_settings(
        gb.recipes.get("arrays"), [f"{k}={v}" for k, v in settings.items()]
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with `toy.npz` and a run that was trained on it."""
    folder = tmp_path_factory.mktemp("finished")
    x, y = toy.arrays(num_examples=60)
    np.savez(folder / "toy.npz", y=y, group=np.arange(60) // 6, **x)
    run = gb.training.Run(
        workdir=folder / "run", seed=3, blend="uniform", verbose=False
    )
    gb.training.train(make_recipe(folder), run)
    return folder


def test_run_directory_knows_its_recipe(finished):
    found = saved_model.evaluate_saved(saved_model.SavedModel(finished / "run"))
    report = found.report
    assert report["split"] == "test"
    assert report["seed"] == 3
    assert report["recipe"] == make_recipe(finished).to_json()
    summary = gb.reporting.read_summary(finished / "run")
    for name in ("m0", "m1", "ensemble", "joint", "blend"):
        assert report["heads"][name]["top1"] == pytest.approx(
            summary["accuracy"][name]
        )


def test_saved_model_with_a_recipe_gives_the_same(finished, tmp_path):
    path = tmp_path / "my.keras"
    shutil.copy(finished / "run" / "model.keras", path)
    saved = saved_model.SavedModel(path, recipe=make_recipe(finished))
    found = saved_model.evaluate_saved(saved).report
    expected = saved_model.evaluate_saved(
        saved_model.SavedModel(finished / "run")
    ).report
    assert list(found["heads"]) == list(expected["heads"])
    for answer, metrics in expected["heads"].items():
        for name, value in metrics.items():  # threads sum in any order
            if name == "reliability":  # an example may change its bin
                continue
            np.testing.assert_allclose(
                found["heads"][answer][name], value, rtol=1e-5, atol=1e-6
            )
    assert found["seed"] == 0


def test_training_split_can_be_looked_at(finished):
    saved = saved_model.SavedModel(finished / "run", split="train")
    found = saved_model.evaluate_saved(saved)
    splits = registry.load(make_recipe(finished).data, data_dir=None)
    np.testing.assert_array_equal(found.y, splits.train.y)
    np.testing.assert_array_equal(found.extra["group"], splits.train.group)


def test_validation_part_is_what_was_held_out(finished):
    held = make_recipe(finished, **{"data.evaluate_on": "validation"})
    saved = saved_model.SavedModel(finished / "run", recipe=held, seed=5)
    found = saved_model.evaluate_saved(saved)
    expected = registry.load(held.data, data_dir=None, seed=5).test
    np.testing.assert_array_equal(found.extra["group"], expected.group)
    assert found.report["split"] == "validation"
    on_test = saved_model.evaluate_saved(
        saved_model.SavedModel(finished / "run", recipe=held, split="test")
    )
    whole = registry.load(make_recipe(finished).data, data_dir=None)
    np.testing.assert_array_equal(on_test.y, whole.test.y)


def test_validation_part_that_was_trained_on_is_refused(finished):
    saved = saved_model.SavedModel(finished / "run", split="validation")
    with pytest.raises(ValueError, match="Train with --set data.evaluate_on"):
        saved_model.evaluate_saved(saved)


def test_own_validation_split_may_be_evaluated(finished, tmp_path):
    x, y = toy.arrays(num_examples=60)
    split = np.array(["train", "validation", "test"])[np.arange(60) // 20]
    np.savez(tmp_path / "toy.npz", y=y, split=split, **x)
    recipe = make_recipe(tmp_path)
    saved = saved_model.SavedModel(
        finished / "run", recipe=recipe, split="validation"
    )
    np.testing.assert_array_equal(saved_model.evaluate_saved(saved).y, y[20:40])


def test_fallbacks_for_absent_modalities_are_added_when_asked_for(finished):
    found = saved_model.evaluate_saved(
        saved_model.SavedModel(finished / "run"), compare_absent=True
    )
    subsets = found.report["modalities"]["subsets"]
    alone = {each["modalities"][0]: each["score"] for each in subsets[:2]}
    for name, score in alone.items():
        assert found.report["absent"]["logits"][name] == pytest.approx(score)
    assert "Fallbacks for absent" in text_tables.text_table(found.report)


def test_what_cannot_be_evaluated_is_named(finished, tmp_path):
    def refuse(saved):
        with pytest.raises((TypeError, ValueError)) as caught:
            saved_model.evaluate_saved(saved)
        return str(caught.value)

    recipe = make_recipe(finished)
    nowhere = saved_model.SavedModel(tmp_path / "no.keras", recipe=recipe)
    assert refuse(nowhere).endswith("or correct the path.")
    nameless = saved_model.SavedModel(finished / "run" / "model.keras")
    assert refuse(nameless).endswith("Add --recipe=NAME.")
    unknown = saved_model.SavedModel(finished / "run", split="holdout")
    assert refuse(unknown).endswith("Choose one of them.")
    (tmp_path / "recipe.json").write_text('{"recipe": {"name": "x"}}')
    damaged = saved_model.SavedModel(tmp_path)
    assert refuse(damaged).endswith("with --recipe and --seed.")
    (tmp_path / "broken.keras").write_text("no archive")
    broken = saved_model.SavedModel(tmp_path / "broken.keras", recipe=recipe)
    assert refuse(broken).endswith("by a version like this one.")
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    plain.save(tmp_path / "plain.keras")
    other = saved_model.SavedModel(tmp_path / "plain.keras", recipe=recipe)
    assert refuse(other).endswith("BlendedModel(network).")


def write_predictions(folder, classes, y, **changes):
    folder.mkdir()
    probabilities = np.eye(classes)[y] * 0.8 + 0.2 / classes
    stored = {
        "y": y,
        "key": np.array(["s0", "s1", "s2", "s3"]),
        "probabilities_pool": probabilities,
        "train_y": np.repeat([0, 1], [150, 20]),
        "group": np.array(["P01", "P02", "P02", "P09"]),
        "train_group": np.array(["P01", "P03"]),
        **changes,
    }
    np.savez(folder / "predictions.npz", **stored)


def test_actions_are_made_of_two_evaluations(tmp_path):
    write_predictions(tmp_path / "verbs", 2, np.array([0, 1, 1, 0]))
    wrong = np.eye(3)[[0, 1, 2, 1]]  # the third and fourth are wrong
    write_predictions(
        tmp_path / "nouns",
        3,
        np.array([0, 1, 0, 2]),
        probabilities_pool=wrong,
    )
    found = saved_model.combine_actions(tmp_path / "verbs", tmp_path / "nouns")
    assert found["all"]["verb"]["top1"] == 1.0
    assert found["all"]["noun"]["top1"] == 0.5
    assert found["all"]["action"]["top1"] == 0.5
    assert found["seen"]["num_segments"] == 1
    assert found["unseen"]["action"]["top1"] == pytest.approx(1 / 3)
    # Verb 0 occurs 150 times in training, more than 100; verb 1 only 20.
    assert found["all"]["many_shot"]["verb"]["num_classes"] == 1
    lines = text_tables.action_table(found).splitlines()
    assert lines[1].split()[-1] == "50.0/100.0"
    saved_model.save_actions(tmp_path / "actions.json", found)
    stored = json.loads((tmp_path / "actions.json").read_text())
    assert stored["actions"] == found


def test_evaluations_of_other_segments_are_refused(tmp_path):
    y = np.array([0, 1, 1, 0])
    write_predictions(tmp_path / "verbs", 2, y)
    keys = np.array(["s0", "s1", "s3", "s2"])
    write_predictions(tmp_path / "nouns", 3, y, key=keys)
    with pytest.raises(ValueError, match="both on the same split."):
        saved_model.combine_actions(tmp_path / "verbs", tmp_path / "nouns")
    with pytest.raises(ValueError, match="Restore the file."):
        saved_model.combine_actions(
            tmp_path / "verbs", tmp_path / "nouns", answer="sound"
        )


def tool(*arguments):
    return subprocess.run(
        [sys.executable, "tools/evaluate.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.large
def test_tool_prints_a_table_and_writes_both_files(finished, tmp_path):
    done = tool(f"--model={finished / 'run'}", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "12 examples of the test split, 3 classes:" in done.stdout
    assert {each.name for each in tmp_path.iterdir()} == {
        "evaluation.json",
        "predictions.npz",
    }
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["command"].startswith("tools/evaluate.py --model=")


@pytest.mark.large
def test_tool_refreshes_the_page_of_the_run(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished / "run", run)
    page = run / "report.html"
    assert "<h2>Subsets" not in page.read_text()
    done = tool(f"--model={run}")
    assert done.returncode == 0, done.stderr
    assert "The page of the run was written again" in done.stdout
    assert "<h2>Subsets" in page.read_text()


def test_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    saved = saved_model.SavedModel(tmp_path)
    saved_model.check_output(saved, str(tmp_path / "made"))
    with pytest.raises(ValueError, match="`out` cannot be written"):
        saved_model.check_output(saved, str(tmp_path / "file" / "out"))
    saved_model.check_output(saved, None)


def test_output_goes_beside_the_model(finished):
    saved = saved_model.SavedModel(finished / "run")
    found = saved_model.evaluate_saved(saved)
    out = saved_model.output_folder(saved, found, None)
    assert out == finished / "run" / "evaluation_test"
    assert saved_model.output_folder(saved, found, "here") == Path("here")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ([], "Name what to evaluate."),
        (["--verbs=a"], "Name what to evaluate."),
        (["--model=a", "--set=train.epochs=1"], "Add --recipe."),
        (["--model=/nowhere", "--recipe=digits", "--split=all"], "one of"),
        (["more"], "Expected only flags."),
    ],
)
def test_wrong_flags_end_in_one_sentence(arguments, advice):
    done = tool(*arguments)
    assert done.returncode != 0
    assert advice in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
