"""Runs that were stopped: from Python, by damage, disks, memory and data."""

import os
import resource
import shutil
import time
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.data import sources
from gblend_keras.training import failures
from gblend_keras.training import trainer
from gblend_keras.utils import signals
from gblend_keras.utils import state_files
from tests import toy


class Killed(BaseException):
    """Stands for a SIGKILL."""


class KillAt(keras.callbacks.Callback):
    """Ends everything in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self._chosen = epoch
        self._now = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._now == self._chosen and batch == 1:
            raise Killed


def fit(folder, *, seed, kill_at=None):
    """What a user writes, with initial weights of this seed."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    train, holdout = gb.split_holdout(toy.arrays(), 0.25, batch_size=32)
    model = toy.model(dropout=0.3)
    toy.fit(
        model,
        train,
        [
            gb.GradientBlending(
                train,
                holdout,
                super_epochs=(2, 1),
                history_path=folder / "blend_history.json",
            ),
            gb.RunCheckpoint(folder / "checkpoint"),
            *([] if kill_at is None else [KillAt(kill_at)]),
        ],
        epochs=4,
        initial_epoch=gb.restore_newest(model, folder / "checkpoint"),
    )
    return toy.state(model)


@pytest.mark.parametrize("epoch", [0, 2])
def test_killed_fit_goes_on_from_python_even_from_unseeded_weights(
    tmp_path, epoch
):
    whole = fit(tmp_path / "whole", seed=1)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", seed=1, kill_at=epoch)
    # Dropout's seeds come back with the checkpoint, too.
    again = fit(tmp_path / "killed", seed=99)
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)


def saved_twice(folder):
    model = toy.model()
    train = gb.make_training_dataset(gb.Examples(*toy.arrays()), batch_size=32)
    states = []
    toy.fit(
        model,
        train,
        [
            gb.RunCheckpoint(folder),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda *_: states.append(toy.state(model))
            ),
        ],
        epochs=2,
    )
    return model, states


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_checkpoint_gives_way_to_the_one_before_it(
    tmp_path, caplog, damage
):
    model, states = saved_twice(tmp_path)
    (newest, path), (_, before) = run_checkpoint.saved_epochs(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda each: each.file_size)
        content[largest.header_offset + 100] ^= 1  # the header takes 65
    kept = {"flip": len(content), "cut": len(content) // 2, "empty": 0}[damage]
    path.write_bytes(content[:kept])
    with caplog.at_level("WARNING", logger="absl"):
        assert gb.restore_newest(model, tmp_path) == newest - 1 == 1
    assert "Trying the checkpoint before it" in caplog.text
    toy.assert_state(model, states[0])
    before.write_bytes(b"")
    with pytest.raises(ValueError, match="Remove the folder to start anew."):
        gb.restore_newest(model, tmp_path)


def test_newest_checkpoint_goes_by_its_number_not_by_the_clock(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(time, "time", lambda: -1e9)
    model, _ = saved_twice(tmp_path)
    (_, newest), (_, before) = run_checkpoint.saved_epochs(tmp_path)
    os.utime(newest, (0, 0))
    os.utime(before, (2**32, 2**32))
    assert gb.restore_newest(model, tmp_path) == 2


def test_checkpoint_of_another_model_is_refused(tmp_path):
    saved_twice(tmp_path)
    with pytest.raises(ValueError, match="Build the model as it was"):
        gb.restore_newest(toy.model(3), tmp_path)


def test_checkpoint_of_another_format_is_refused(tmp_path):
    model = toy.model()
    path = tmp_path / "epoch-000001.state.zip"
    state_files.write(path, {"format": 99}, [])
    with pytest.raises(ValueError, match="or remove the folder"):
        gb.restore_newest(model, tmp_path)


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [
            f"data.path={tmp_path / 'toy.npz'}",
            "data.batch_size=16",
            "train.epochs=3",
            "towers.m0.widths=8",
            "towers.m1.widths=8",
        ],
    )


def train(recipe, workdir):
    keras.backend.clear_session(free_memory=False)
    run = trainer.Run(
        workdir=workdir, blend="joint", deterministic=True, verbose=False
    )
    return trainer.train(recipe, run)


def test_full_disk_is_a_sentence_and_the_run_goes_on_after(recipe, tmp_path):
    whole = train(recipe, tmp_path / "whole")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        with pytest.raises(
            signals.RunError, match=r"File too large.*Make room"
        ):
            train(recipe, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    left = {path.name for path in (tmp_path / "run").rglob("*")}
    assert not [name for name in left if name.startswith(".partial")]
    assert train(recipe, tmp_path / "run")["accuracy"] == whole["accuracy"]


def test_data_that_fail_in_an_epoch_are_a_sentence_and_the_run_goes_on(
    recipe, tmp_path, monkeypatch
):
    whole = train(recipe, tmp_path / "whole")
    original = sources.ArraySource.load
    broken = [True]

    def look(label):
        if broken and len(broken) > 12:
            raise OSError("shard-3 is gone")
        broken.append(True)
        return label

    def load(self, rows):
        x, y, *weight = original(self, rows)
        seen = tf.numpy_function(look, [y], y.dtype)
        seen.set_shape(y.shape)
        return (x, seen, *weight)

    with monkeypatch.context() as patch:
        patch.setattr(sources.ArraySource, "load", load)
        with pytest.raises(
            signals.RunError, match=r"shard-3 is gone.*Correct the data."
        ):
            train(recipe, tmp_path / "run")
    assert run_checkpoint.saved_epochs(tmp_path / "run" / "checkpoint")
    assert train(recipe, tmp_path / "run")["accuracy"] == whole["accuracy"]


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(
            None,
            None,
            "Graph execution error:\n\nDetected at node MatMul\n"
            "OOM when allocating tensor with shape[9,9]\n\t [[MatMul]]",
        ),
        MemoryError(),
    ],
)
def test_step_that_does_not_fit_says_what_to_lower(tmp_path, error):
    with (
        pytest.raises(signals.RunError, match="Lower data.batch_size") as found,
        failures.explained(tmp_path, batch_size=64),
    ):
        raise error
    assert "batch_size=64" in str(found.value)
    assert "\n" not in str(found.value)


def test_worker_whose_peer_is_gone_says_what_to_start(tmp_path):
    error = tf.errors.UnavailableError(
        None,
        None,
        "Graph execution error:\n\nDetected at node CollectiveReduceV2\n"
        "Collective ops is aborted by: failed to connect to all addresses\n"
        "\t [[{{node CollectiveReduceV2}}]]",
    )
    with (
        pytest.raises(
            signals.RunError, match="start all workers again"
        ) as found,
        failures.explained(tmp_path, batch_size=64),
    ):
        raise error
    assert "failed to connect to all addresses" in str(found.value)
    assert "\n" not in str(found.value)


def test_errors_that_are_mistakes_stay_as_they_are(tmp_path):
    wrong = tf.errors.InvalidArgumentError(None, None, "Incompatible shapes")
    for error in (wrong, ValueError("x"), KeyError("y")):
        with (
            pytest.raises(type(error)),
            failures.explained(tmp_path, batch_size=64),
        ):
            raise error


def test_run_killed_before_its_summary_keeps_its_estimates(
    recipe, tmp_path, monkeypatch
):
    chosen = gb.config.with_settings(
        recipe, ["blend.first_super_epoch=2", "blend.super_epoch=1"]
    )

    def online(workdir):
        keras.backend.clear_session(free_memory=False)
        run = trainer.Run(workdir=workdir, deterministic=True, verbose=False)
        return trainer.train(chosen, run)

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(gb.BlendedModel, "save", kill)
        with pytest.raises(Killed):
            online(tmp_path / "run")
    summary = online(tmp_path / "run")
    assert summary["examples_trained_in_estimates"] > 0
    assert (tmp_path / "run" / "weights.png").exists()
    # Killed after the summary: what was left is removed, nothing is redone.
    (tmp_path / "run" / "checkpoint").mkdir()
    assert online(tmp_path / "run") == summary
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_run_counts_the_seconds_of_all_its_tries(tmp_path, monkeypatch):
    model, _ = saved_twice(tmp_path)
    (_, newest), _ = run_checkpoint.saved_epochs(tmp_path)
    with state_files.reading(newest) as state:
        meta = {**state.meta, "seconds": 1000.0}
        arrays = [(name, state.array(name)) for name in state.names]
    state_files.write(newest, meta, arrays)
    again = gb.RunCheckpoint(tmp_path)
    again.set_model(model)
    again.on_train_begin()
    assert 1000 <= again.seconds < 1100
    shutil.rmtree(tmp_path)
