"""Early stopping: the best epoch is put back."""

import json

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.methods import early_stopping
from tests import toy
from tests.methods import small


def script(monkeypatch, values):
    """Makes V give these (accuracy, loss), one an epoch."""
    values = iter(values)

    def measured(self):
        accuracy, loss = next(values)
        return {"accuracy": accuracy, "loss": loss}

    monkeypatch.setattr(early_stopping.BestEpoch, "_measured", measured)


def test_best_epoch_is_put_back(tmp_path, monkeypatch):
    # Epoch 2 ties with 1 in accuracy and has the lower loss; 3 only ties.
    script(monkeypatch, [(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.8)])
    model = toy.model()
    weights = []
    keeper = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    best = early_stopping.BestEpoch(None, tmp_path)
    x, y = toy.arrays()
    toy.fit(model, x, [best, keeper], epochs=4, y=y)
    assert best.report() == {"reported_epoch": 3, "holdout_accuracy": 0.7}
    for one, other in zip(weights[2], model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list(tmp_path.glob("best-*"))) == 1


def test_best_epoch_of_a_stopped_fit_counts(tmp_path, monkeypatch):
    x, y = toy.arrays()
    script(monkeypatch, [(0.9, 0.1)])
    model = toy.model()
    toy.fit(model, x, [early_stopping.BestEpoch(None, tmp_path)], epochs=1, y=y)
    first = model.get_weights()
    script(monkeypatch, [(0.5, 0.1), (0.5, 0.1)])
    best = early_stopping.BestEpoch(None, tmp_path)
    toy.fit(model, x, [best], epochs=3, y=y, initial_epoch=1)
    assert best.report()["reported_epoch"] == 1
    for one, other in zip(first, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_best_epoch_measures_the_joint_head_on_the_holdout(tmp_path):
    method = gb.methods.get("early_stopping")
    work = small.ready_run(method, small.recipe(tmp_path), tmp_path / "run")
    data = method.data(work)
    trained = sum(len(y) for _, y in data.dataset)
    assert trained == pytest.approx(0.75 * len(work.train), abs=1)
    _, report = small.fit(method, work)
    saved = json.loads(
        (tmp_path / "run" / "checkpoint" / "best_epoch.json").read_text()
    )
    assert report["reported_epoch"] == saved["epoch"] + 1
    assert 0 <= report["holdout_accuracy"] <= 1
    newest, *_ = run_checkpoint.saved_epochs(tmp_path / "run" / "checkpoint")
    assert newest[0] == small.EPOCHS  # all epochs were trained
