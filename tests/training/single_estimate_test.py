"""One estimate, of a recipe or of a saved model."""

import hashlib
import json

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.training import single_estimate
from gblend_keras.training import trainer
from tests import toy

SETTINGS = [
    "data.batch_size=16",
    "train.epochs=2",
    "towers.m0.widths=4",
    "towers.m1.widths=4",
    "blend.offline_fraction=0.3",
    "blend.holdout_fraction=0.3",
    "blend.super_epoch=1",
]


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [f"data.path={tmp_path / 'toy.npz'}", *SETTINGS],
    )


def train(recipe, workdir, **changes):
    trainer.train(
        recipe, trainer.Run(workdir=workdir, verbose=False, **changes)
    )
    return workdir


def measure(subject, **arguments):
    return single_estimate.estimate_blend(subject, verbose=False, **arguments)


def test_estimate_of_a_recipe_is_that_of_its_offline_run(recipe, tmp_path):
    subject = single_estimate.subject_of(recipe, None)
    found = measure(subject, output=tmp_path / "estimate.json")
    run = train(recipe, tmp_path / "run", blend="offline")
    (entry,) = json.loads((run / "blend_history.json").read_text())
    (estimate,) = found["estimates"]
    for name in ("weights", "generalisation", "overfitting"):
        assert estimate[name] == pytest.approx(entry[name], abs=1e-5)
    assert (found["epoch"], found["num_epochs"]) == (0, 2)
    stored = json.loads((tmp_path / "estimate.json").read_text())
    assert stored["format"] == 1
    assert stored["words"] == found["words"] != []
    assert "weight" in single_estimate.estimate_table(
        found["estimates"], found["seeds"]
    )


def test_repeats_have_seeds_of_their_own(recipe):
    subject = single_estimate.subject_of(recipe, None, seed=4)
    found = measure(subject, epochs=1, repeats=2)
    assert found["seeds"] == [4, 5]
    one, other = found["estimates"]
    assert one["num_epochs"] == 1
    assert one["weights"] != other["weights"]
    assert "Over 2 seeds" in found["words"][-1]


def test_saved_model_stays_as_it_is(recipe, tmp_path):
    validated = gb.config.with_settings(recipe, ["data.evaluate_on=validation"])
    run = train(validated, tmp_path / "run", blend="uniform", seed=3)
    path = run / "model.keras"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    subject = single_estimate.subject_of(None, run)
    assert (subject.seed, subject.method) == (3, "uniform")
    found = measure(subject, output=single_estimate.output_path(subject, None))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert (found["epoch"], found["num_epochs"]) == (2, 1)
    # A fifth of the 72 training examples was kept out of the run.
    assert found["estimates"][0]["num_holdout"] in (14, 15)
    assert (run / "estimate.json").exists()


def test_file_of_a_model_needs_its_recipe(recipe, tmp_path):
    validated = gb.config.with_settings(recipe, ["data.evaluate_on=validation"])
    path = train(validated, tmp_path / "run", blend="joint") / "model.keras"
    with pytest.raises(ValueError, match="Add --recipe=NAME."):
        single_estimate.subject_of(None, path)
    subject = single_estimate.subject_of(validated, path)
    assert measure(subject, epochs=1)["model"] == str(path)
    # The recipe without a validation part: nothing is left to hold out.
    with pytest.raises(ValueError, match="or measure the recipe without"):
        measure(single_estimate.subject_of(recipe, path))


def test_online_model_is_measured_on_its_own_holdout(recipe, tmp_path):
    kept = gb.config.with_settings(recipe, ["blend.return_holdout=false"])
    run = train(kept, tmp_path / "kept", blend="online")
    (estimate,) = measure(single_estimate.subject_of(None, run))["estimates"]
    (first, *_) = json.loads((run / "blend_history.json").read_text())
    assert estimate["num_holdout"] == first["num_holdout"]


def test_model_of_other_modalities_is_refused(recipe, tmp_path):
    model = toy.model(num_modalities=3)
    model.save(tmp_path / "three.keras")
    subject = single_estimate.subject_of(recipe, tmp_path / "three.keras")
    with pytest.raises(ValueError, match="Rename the data's keys"):
        measure(subject)


def test_model_of_another_kind_is_refused(recipe, tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(
        tmp_path / "plain.keras"
    )
    subject = single_estimate.subject_of(recipe, tmp_path / "plain.keras")
    with pytest.raises(ValueError, match="BlendedModel\\(network\\)."):
        measure(subject)
    (tmp_path / "bad.keras").write_bytes(b"no model")
    subject = single_estimate.subject_of(recipe, tmp_path / "bad.keras")
    with pytest.raises(ValueError, match="by a version like this one."):
        measure(subject)


def test_folder_without_a_finished_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="or correct the path."):
            single_estimate.subject_of(None, path)
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(ValueError, match="of a run that has ended."):
        single_estimate.subject_of(None, tmp_path)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="use the version that wrote it."):
        single_estimate.subject_of(None, tmp_path)


@pytest.mark.parametrize("values", [{"repeats": 0}, {"epochs": 0}])
def test_wrong_counts_are_refused(recipe, values):
    with pytest.raises(ValueError, match="Choose a value inside."):
        measure(single_estimate.subject_of(recipe, None), **values)


def test_folder_that_cannot_be_written_is_refused_before_any_work(
    recipe, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="`workdir` cannot be written"):
        measure(
            single_estimate.subject_of(recipe, None),
            output=tmp_path / "file" / "estimate.json",
        )


def test_estimate_outside_fit_leaves_no_trace():
    model = toy.model(dropout=0.3, norm=True)
    x, y = toy.arrays(num_examples=60)
    train, held = gb.split_holdout(gb.Examples(x, y), 0.3, seed=0)
    before = toy.state(model)
    blending = gb.GradientBlending(train, held, super_epochs=None)
    blending.verbose = False
    estimate = blending.estimate(model, num_epochs=2)
    assert (estimate.epoch, estimate.num_epochs) == (0, 2)
    for one, other in zip(before, toy.state(model), strict=False):
        np.testing.assert_array_equal(one, other)
    assert blending.estimates == []
    toy.fit(model, train, [blending], epochs=2)
    found = blending.estimates[0].weights
    assert found == pytest.approx(estimate.weights, abs=1e-5)
