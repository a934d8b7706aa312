"""An estimate that was killed goes on inside, and ends as an unbroken one."""

import dataclasses

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending import estimate_progress
from gblend_keras.blending import snapshot
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.utils import state_files
from tests import toy


class Killed(BaseException):
    """Stands for a SIGKILL."""


@pytest.fixture(autouse=True)
def _write_always(monkeypatch):
    monkeypatch.setattr(estimate_progress, "SHARE", 1e9)


def run(path, *, seed=1, folds=None, settings=None, holdout_seed=0):
    """Trains two epochs after one estimate; returns it and the end state."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    if folds:
        train = gb.make_training_dataset(
            gb.Examples(*toy.arrays()), batch_size=32
        )
        holdout = None
    else:
        train, holdout = gb.split_holdout(
            toy.arrays(), 0.25, batch_size=32, seed=holdout_seed
        )
    callback = gb.GradientBlending(
        train,
        holdout,
        estimator="retrain",
        folds=folds,
        history_path=path,
        settings=settings,
    )
    model = toy.model(dropout=0.3, norm=True)
    toy.fit(model, train, [callback], epochs=2)
    (estimate,) = callback.estimates
    return dataclasses.replace(estimate, seconds=0), toy.state(model)


def killed_at(number, monkeypatch, function, *, after=True):
    """Makes the n-th write of the journal the last thing that happens."""
    original = state_files.write
    calls = []

    def write(path, meta, arrays):
        calls.append(meta)
        if len(calls) == number and not after:
            raise Killed
        original(path, meta, arrays)
        if len(calls) == number:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(state_files, "write", write)
        with pytest.raises(Killed):
            function()
    return calls[-1]


def epochs_trained(monkeypatch, function):
    """Counts the epochs of passes that a call trains."""
    counts = []
    original = estimate_progress.Journal.write

    def write(self, model, progress):
        counts.append(progress.epochs_done)
        original(self, model, progress)

    with monkeypatch.context() as patch:
        patch.setattr(estimate_progress.Journal, "write", write)
        result = function()
    return result, sum(count > 0 for count in counts)


@pytest.fixture(scope="module")
def whole():
    """The unbroken run."""
    return run(None)


def same(one, other):
    assert one[0] == other[0]
    for first, second in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(first, second)


# An estimate of two passes of two epochs writes 7 times: after the losses at
# the start, and after the epochs and the losses of each pass.
@pytest.mark.parametrize(
    ("number", "left"), [(1, 4), (3, 2), (4, 2), (5, 1), (7, 0)]
)
def test_killed_estimate_goes_on_at_its_last_epoch(
    tmp_path, monkeypatch, whole, number, left
):
    path = tmp_path / "blend_history.json"
    killed_at(number, monkeypatch, lambda: run(path))
    assert (tmp_path / "blend_history.progress.state.zip").exists()
    found, trained = epochs_trained(monkeypatch, lambda: run(path))
    assert trained == left
    same(found, whole)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.large
def test_estimate_killed_again_and_again_goes_on(tmp_path, monkeypatch, whole):
    path = tmp_path / "blend_history.json"
    for _ in range(2):
        killed_at(2, monkeypatch, lambda: run(path))
    same(run(path), whole)


def test_folds_go_on_in_the_fold_that_was_under_way(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole.json", folds=2)
    path = tmp_path / "blend_history.json"
    meta = killed_at(9, monkeypatch, lambda: run(path, folds=2))
    assert (meta["num_divisions"], meta["epochs_done"]) == (2, 1)
    found, trained = epochs_trained(monkeypatch, lambda: run(path, folds=2))
    assert trained == 3
    same(found, whole)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_progress_is_said_and_the_estimate_begins_anew(
    tmp_path, monkeypatch, caplog, whole, damage
):
    path = tmp_path / "blend_history.json"
    killed_at(5, monkeypatch, lambda: run(path))
    file = tmp_path / "blend_history.progress.state.zip"
    content = bytearray(file.read_bytes())
    place = content.rindex(b"variable/000007", 0, len(content) // 2) + 40
    content[place] ^= 1
    file.write_bytes(content[:-9] if damage == "cut" else content)
    with caplog.at_level("WARNING", logger="absl"):
        found, trained = epochs_trained(monkeypatch, lambda: run(path))
    assert "The estimate begins anew" in caplog.text
    assert trained == 4
    same(found, whole)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"settings": gb.BlendSettings(seed=5)},
        {"holdout_seed": 1},
    ],
)
def test_progress_of_another_estimate_is_not_believed(
    tmp_path, monkeypatch, change
):
    path = tmp_path / "blend_history.json"
    killed_at(5, monkeypatch, lambda: run(path))
    _, trained = epochs_trained(monkeypatch, lambda: run(path, **change))
    assert trained == 4


def test_estimate_keeps_nothing_without_a_history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(None)
    assert list(tmp_path.iterdir()) == []


def test_writing_takes_its_share_of_the_time_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate_progress, "SHARE", 0.02)
    now = [0.0]
    spent = [0.0]
    monkeypatch.setattr(estimate_progress.time, "monotonic", lambda: now[0])

    def write(path, meta, arrays):
        now[0] += 3.0
        spent[0] += 3.0

    monkeypatch.setattr(state_files, "write", write)
    model = toy.model()
    kept = estimate_progress.Journal(tmp_path / "a.state.zip")
    progress = kept.read(model, snapshot.Snapshot(model))
    for _ in range(600):
        now[0] += 10.0
        progress.epochs_done += 1
        kept.write(model, progress)
    assert 0 < spent[0] <= 0.02 * now[0]
    assert kept.seconds == now[0]


def test_short_estimate_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate_progress, "SHARE", 0.02)
    monkeypatch.setattr(state_files, "write", None)
    model = toy.model()
    kept = estimate_progress.Journal(tmp_path / "a.state.zip")
    progress = kept.read(model, snapshot.Snapshot(model))
    kept.write(model, progress)
    assert list(tmp_path.iterdir()) == []


def test_seconds_add_up_over_tries(tmp_path, monkeypatch):
    path = tmp_path / "a.state.zip"
    model = toy.model()
    start = snapshot.Snapshot(model)
    now = [0.0]
    monkeypatch.setattr(estimate_progress.time, "monotonic", lambda: now[0])
    for try_number in (1, 2):
        kept = estimate_progress.Journal(path, "name")
        progress = kept.read(model, start)
        if not progress.measured:
            losses = Losses(np.ones((4, 3)), np.ones((4, 3)), np.ones(4))
            progress.measured.append((losses, losses))
        now[0] += 5.0
        kept.write(model, progress)
        assert kept.seconds == 5.0 * try_number
