"""Recipes to run directories: what is in them, resuming, refusing."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.callbacks import metrics_log
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.data.sets import registry
from gblend_keras.training import trainer
from tests import toy

FILES = {
    "blend_history.json",
    "curves.png",
    "evaluation_test",
    "metrics.csv",
    "model.keras",
    "recipe.json",
    "report.html",
    "summary.json",
    "weights.png",
}


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=90)
    group = np.arange(90) // 6
    np.savez(tmp_path / "toy.npz", y=y, group=group, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [
            f"data.path={tmp_path / 'toy.npz'}",
            "data.batch_size=16",
            "train.epochs=4",
            "towers.m0.widths=8",
            "towers.m0.dropout=0.3",
            "towers.m1.widths=8",
            "blend.first_super_epoch=2",
            "blend.super_epoch=1",
            "blend.holdout_fraction=0.2",
            "blend.offline_fraction=0.2",
        ],
    )


def run(recipe, workdir, **changes):
    keras.backend.clear_session(free_memory=False)
    defaults = {"blend": "online", "verbose": False, "deterministic": True}
    changes = defaults | changes
    return trainer.train(recipe, trainer.Run(workdir=workdir, **changes))


def final_weights(workdir):
    return keras.models.load_model(workdir / "model.keras").get_weights()


def test_run_directory_holds_everything_about_the_run(recipe, tmp_path):
    workdir = tmp_path / "run"
    summary = run(recipe, workdir)
    assert {path.name for path in workdir.iterdir()} == FILES
    assert set(summary["accuracy"]) == {
        "m0",
        "m1",
        "ensemble",
        "joint",
        "blend",
        "pool",
    }
    history = json.loads((workdir / "blend_history.json").read_text())
    assert [entry["epoch"] for entry in history] == [0, 2, 3]
    for entry in history:
        assert sum(entry["weights"].values()) == pytest.approx(1)
        assert set(entry) >= {"ogr", "intervals", "examples_trained", "seconds"}
    rows = metrics_log.read_metrics(workdir / "metrics.csv")
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert {"joint_loss", "val_joint_accuracy", "val_blend_accuracy"} <= set(
        rows[0]
    )


def test_summary_is_what_the_saved_model_scores(recipe, tmp_path):
    summary = run(recipe, tmp_path / "run")
    splits = registry.load(recipe.data, data_dir=None)
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    logs = model.evaluate(
        splits.test.x, splits.test.y, verbose=0, return_dict=True
    )
    for head in ("m0", "m1", "joint", "blend"):
        assert logs[f"{head}_accuracy"] == pytest.approx(
            summary["accuracy"][head], abs=1e-6
        )


@pytest.mark.parametrize(
    ("blend", "weights"),
    [
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("joint", [0, 0, 1]),
        ("m1", [0, 1, 0]),
        ("modalities", [1, 1, 0]),
    ],
)
def test_baselines_are_weights_of_the_same_code(
    recipe, tmp_path, blend, weights
):
    summary = run(recipe, tmp_path / "run", blend=blend)
    scale = summary["loss_scale"] if blend != "uniform" else 1
    found = [each * scale for each in summary["blend_weights"].values()]
    assert found == pytest.approx(weights, abs=1e-6)


def test_training_a_single_modality_leaves_the_other_tower_alone(
    recipe, tmp_path
):
    run(recipe, tmp_path / "run", blend="m0")
    trained = keras.models.load_model(tmp_path / "run" / "model.keras")
    keras.utils.set_random_seed(0)
    fresh = gb.building.build_model(
        recipe, registry.load(recipe.data, data_dir=None)
    )
    for name, same in (("m1_tower", True), ("m0_tower", False)):
        before = fresh.network.get_layer(name).trainable_variables[0].numpy()
        after = trained.network.get_layer(name).trainable_variables[0].numpy()
        assert np.array_equal(before, after) == same


class StopError(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize(
    ("blend", "epoch"),
    [
        ("online", 1),
        pytest.param("online", 3, marks=pytest.mark.large),
        pytest.param("offline", 1, marks=pytest.mark.large),
        ("offline", 3),
    ],
)
def test_stopped_run_goes_on_and_ends_like_an_unbroken_one(
    recipe, tmp_path, monkeypatch, blend, epoch
):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    expected = run(recipe, unbroken, blend=blend)
    original = run_checkpoint.RunCheckpoint.on_epoch_end

    def stop(self, now, logs=None):
        if now == epoch:
            raise StopError
        original(self, now, logs)

    with monkeypatch.context() as patch:
        patch.setattr(run_checkpoint.RunCheckpoint, "on_epoch_end", stop)
        with pytest.raises(StopError):
            run(recipe, broken, blend=blend)
    assert not (broken / "summary.json").exists()
    found = run(recipe, broken, blend=blend)
    assert found["accuracy"] == expected["accuracy"]
    for one, other in zip(
        final_weights(unbroken), final_weights(broken), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    text = (unbroken / "metrics.csv").read_text()
    assert (broken / "metrics.csv").read_text() == text


@pytest.mark.large
def test_killed_process_goes_on_by_the_same_command(recipe, tmp_path):
    command = [
        sys.executable,
        "tools/train.py",
        "--recipe=arrays",
        "--deterministic",
        f"--set=data.path={tmp_path / 'toy.npz'}",
        "--set=blend.first_super_epoch=2",
        "--set=blend.super_epoch=2",
        "--epochs=12",
    ]
    whole = [*command, f"--workdir={tmp_path / 'whole'}"]
    subprocess.run(whole, check=True, capture_output=True)
    killed = [*command, f"--workdir={tmp_path / 'killed'}"]
    process = subprocess.Popen(
        killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    saved = tmp_path / "killed" / "checkpoint"
    while not run_checkpoint.saved_epochs(saved):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(killed, check=True, capture_output=True)
    for one, other in zip(
        final_weights(tmp_path / "whole"),
        final_weights(tmp_path / "killed"),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_summary_names_the_split_that_it_reports(recipe, tmp_path, split):
    chosen = gb.config.with_settings(recipe, [f"data.evaluate_on={split}"])
    summary = run(chosen, tmp_path / "run", blend="joint")
    assert summary["evaluated_on"] == split


def test_finished_run_is_left_alone_and_says_so(recipe, tmp_path, capsys):
    workdir = tmp_path / "run"
    first = run(recipe, workdir, blend="joint")
    before = (workdir / "model.keras").stat().st_mtime_ns
    again = run(recipe, workdir, blend="joint", verbose=True)
    assert again == first
    assert (workdir / "model.keras").stat().st_mtime_ns == before
    assert "is finished; nothing to do." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 5}, "another seed"),
        ({"blend": "uniform"}, "another blend"),
        ({"epochs": 9}, r"another recipe \(train.epochs is 4, not 9\)"),
    ],
)
def test_folder_of_another_run_is_refused(recipe, tmp_path, change, said):
    run(recipe, tmp_path / "run", blend="joint")
    if "epochs" in change:
        recipe = gb.config.with_settings(recipe, ["train.epochs=9"])
        change = {}
    with pytest.raises(ValueError, match=f"{said}. Choose another folder"):
        run(recipe, tmp_path / "run", **({"blend": "joint"} | change))
    assert not (tmp_path / "run" / "failed.json").exists()


def test_folder_that_cannot_be_written_is_refused(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Choose another folder."):
        run(recipe, tmp_path / "file" / "run")


def test_unknown_blend_is_refused(recipe, tmp_path):
    with pytest.raises(ValueError, match="Choose one of them."):
        run(recipe, tmp_path / "run", blend="onlin")


def test_damaged_checkpoint_gives_way_to_the_one_before_it(tmp_path):
    model = toy.model()
    x, y = toy.arrays()
    checkpoint = run_checkpoint.RunCheckpoint(tmp_path)
    train = gb.make_training_dataset(gb.Examples(x, y))
    toy.fit(model, train, [checkpoint], epochs=1)
    first = toy.state(model)
    toy.fit(model, train, [checkpoint], epochs=2, initial_epoch=1)
    (newest, path), _ = run_checkpoint.saved_epochs(tmp_path)
    assert newest == 2
    path.write_bytes(path.read_bytes()[:1000])
    assert run_checkpoint.restore_newest(model, tmp_path) == 1
    toy.assert_state(model, first)
    for _, each in run_checkpoint.saved_epochs(tmp_path):
        each.write_bytes(b"")
    with pytest.raises(ValueError, match="Remove the folder to start anew."):
        run_checkpoint.restore_newest(model, tmp_path)


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(
    recipe, tmp_path, monkeypatch
):
    original = gb.BlendedModel.compute_loss

    def diverge(self, *args, **kwargs):
        loss = original(self, *args, **kwargs)
        late = self.optimizer.iterations >= 12
        return loss * keras.ops.where(late, float("inf"), 1.0)

    monkeypatch.setattr(gb.BlendedModel, "compute_loss", diverge)
    with pytest.raises(FloatingPointError, match="in epoch 2"):
        run(recipe, tmp_path / "run", blend="joint")
    saved = run_checkpoint.saved_epochs(tmp_path / "run" / "checkpoint")
    assert saved[0][0] == 2
    failure = json.loads((tmp_path / "run" / "failed.json").read_text())
    assert failure["error"] == "FloatingPointError"
    assert "in epoch 2" in failure["reason"]
    page = tmp_path / "run" / "report.html"
    assert "FAILED. </strong>FloatingPointError: " in page.read_text()
    monkeypatch.undo()
    assert run(recipe, tmp_path / "run", blend="joint")["seed"] == 0
    assert not (tmp_path / "run" / "failed.json").exists()
    assert "FAILED" not in page.read_text()


def test_run_without_its_data_is_shown_as_failed(recipe, tmp_path):
    (tmp_path / "toy.npz").unlink()
    with pytest.raises(ValueError, match="toy.npz"):
        run(recipe, tmp_path / "run", blend="joint")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "FAILED. </strong>ValueError: " in page and "toy.npz" in page


def test_saved_model_takes_raw_arrays(recipe, tmp_path):
    run(recipe, tmp_path / "run", blend="joint")
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    splits = registry.load(recipe.data, data_dir=None)
    features = model.network.get_layer("m0_tower").get_layer("standardisation")
    scaled = np.asarray(
        keras.ops.convert_to_numpy(features(splits.train.x["m0"]))
    )
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=0.2)
