"""Runs killed at random points end as an unbroken run does, bit for bit."""

import collections
import json
import os
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest

from gblend_keras.callbacks import run_checkpoint
from tests import toy
from tests.places import ROOT

SETTINGS = [
    "data.batch_size=16",
    "train.epochs=5",
    "towers.m0.widths=8",
    "towers.m0.dropout=0.3",
    "towers.m1.widths=8",
    "blend.first_super_epoch=2",
    "blend.super_epoch=2",
    "blend.holdout_fraction=0.2",
]


def weights(workdir):
    """Every array of the saved model, its optimizer's too."""
    found = {}

    def note(name, value):
        if isinstance(value, h5py.Dataset):
            found[name] = value[()].tobytes()

    with (
        zipfile.ZipFile(workdir / "model.keras") as archive,
        archive.open("model.weights.h5") as stream,
        h5py.File(stream, "r") as stored,
    ):
        stored.visititems(note)
    assert len(found) > 10
    return found


def timeless(value):
    """Takes away how long things took."""
    if isinstance(value, list):
        return [timeless(each) for each in value]
    return {name: each for name, each in value.items() if "seconds" not in name}


def outcome(workdir):
    """Everything of a finished run that must not depend on kills."""
    return {
        "files": sorted(path.name for path in workdir.iterdir()),
        "weights": weights(workdir),
        "metrics": (workdir / "metrics.csv").read_text(),
        "history": timeless(
            json.loads((workdir / "blend_history.json").read_text())
        ),
        "summary": timeless(json.loads((workdir / "summary.json").read_text())),
    }


def kill_runs(tmp_path, **plan):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    plan = {
        "root": str(tmp_path),
        "seed": 0,
        "kills_per_chain": 6,
        "settings": [*SETTINGS, f"data.path={tmp_path / 'toy.npz'}"],
    } | plan
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(
        [sys.executable, "-m", "tests.journeys.killer", tmp_path / "plan.json"],
        cwd=ROOT,
        check=True,
        env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    log = json.loads((tmp_path / "log.json").read_text())
    assert log["failed"] == []
    return log


@pytest.mark.large
@pytest.mark.parametrize(
    ("blend", "kills"), [("online", 52), ("offline", 16), ("probe", 16)]
)
def test_killed_runs_end_as_an_unbroken_one(tmp_path, blend, kills):
    log = kill_runs(tmp_path, blend=blend, kills=kills)
    expected = outcome(tmp_path / "whole")
    survived = collections.Counter()
    for chain in range(log["chains"]):
        name = f"chain-{chain}"
        found = outcome(tmp_path / name)
        for part, value in expected.items():
            assert found[part] == value, f"{name}: {part}"
        survived.update(kind for each, kind, _ in log["kills"] if each == name)
    assert survived.total() == len(log["kills"]) >= kills
    print(f"{blend}: survived {survived.total()}: {dict(survived)}")


@pytest.mark.large
@pytest.mark.parametrize(("number", "code"), [(15, 143), (2, 130)])
def test_tool_leaves_at_a_signal_within_seconds_and_goes_on(
    tmp_path, number, code
):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    settings = [*SETTINGS, f"data.path={tmp_path / 'toy.npz'}"]
    workdir = tmp_path / "run"
    command = [
        sys.executable,
        "tools/train.py",
        "--recipe=arrays",
        "--deterministic",
        f"--workdir={workdir}",
        *(f"--set={each}" for each in settings),
        "--epochs=2000",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    checkpoint = workdir / "checkpoint" / "epoch-000003.state.zip"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert "the same command goes on." in said.decode()
    assert "Traceback" not in said.decode()
    left = [path.name for path in workdir.rglob("*")]
    assert ".lock" not in left
    assert not [name for name in left if name.startswith(".partial")]
    saved = run_checkpoint.saved_epochs(workdir / "checkpoint")[0][0]
    again = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert f"Going on after epoch {saved}" in again.stdout.readline().decode()
    again.kill()
    again.communicate()
