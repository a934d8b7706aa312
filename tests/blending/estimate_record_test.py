"""The record of estimates: in memory, and read again by a later try."""

import dataclasses

import numpy as np

import gblend_keras as gb
from gblend_keras.blending import estimate_record
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import super_epochs
from gblend_keras.data import division
from tests import toy
from tests.blending import estimates


def at(epoch):
    return dataclasses.replace(estimates.ANY, epoch=epoch)


def written(path):
    record = estimate_record.EstimateRecord(path)
    for epoch in (0, 2):
        record.add(at(epoch), f"state {epoch}", write=True)
    return record


def test_later_try_takes_over_the_estimates_before_its_first_epoch(tmp_path):
    path = tmp_path / "history.json"
    written(path)
    record = estimate_record.EstimateRecord(path)
    record.read()
    record.begin_epoch(1)
    assert record.estimates == [at(0)]
    record.begin_epoch(2)  # only the first epoch counts
    assert record.estimates == [at(0)]
    assert record.find(2, "state 2") == at(2)
    assert record.find(2, "another state") is None
    assert record.find(1, "state 1") is None


def test_try_without_an_epoch_to_do_takes_over_all(tmp_path):
    written(tmp_path / "history.json")
    record = estimate_record.EstimateRecord(tmp_path / "history.json")
    record.read()
    record.end()
    assert record.estimates == [at(0), at(2)]


def test_worker_that_does_not_write_keeps_its_estimates_in_memory(tmp_path):
    record = estimate_record.EstimateRecord(tmp_path / "history.json")
    record.add(at(0), "state", write=False)
    assert record.estimates == [at(0)]
    assert not list(tmp_path.iterdir())


def test_record_without_a_file_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert written(None).estimates == [at(0), at(2)]
    assert not list(tmp_path.iterdir())


def test_progress_is_removed_once_the_estimate_is_written(tmp_path):
    record = estimate_record.EstimateRecord(tmp_path / "history.json")
    beside = tmp_path / "history.progress.state.zip"
    beside.touch()
    record.add(at(0), "state", write=True)
    assert not beside.exists()


def test_logs_have_the_weight_and_the_ogr_of_each_head():
    record = estimate_record.EstimateRecord(None)
    model = toy.model()
    assert np.isnan(record.logs(model)["ogr_m0"])
    record.add(at(0), "state", write=True)
    logs = record.logs(model)
    assert logs["blend_weight_joint"] == np.float32(1 / 3)  # not assigned yet
    assert logs["ogr_m0"] == 2.0 and np.isnan(logs["ogr_m1"])


def test_fingerprint_tells_apart_what_an_estimate_is_a_function_of():
    model = toy.model()

    def name(*, epoch=0, seed=0, split=0, class_weight=None):
        divided = gb.split_holdout(
            toy.arrays(), 0.25, seed=split, batch_size=16
        )
        return estimate_record.fingerprint(
            model,
            super_epochs.Window(epoch, 1),
            gb.blending.Retrain(gb.BlendSettings(seed=seed)),
            division.divide(divided),
            fit_arguments.FitSettings(class_weight=class_weight),
        )

    names = {
        name(),
        name(epoch=1),
        name(seed=1),
        name(split=1),
        name(class_weight={0: 2.0}),
    }
    assert len(names) == 5
    assert name() == name()
