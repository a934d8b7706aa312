"""Whole runs of two workers: the same as one process, and going on."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from gblend_keras.callbacks import run_checkpoint
from tests import toy
from tests.distribution import cluster

SCRIPT = ["-m", "tests.distribution.run"]


@pytest.fixture
def data(tmp_path):
    x, y = toy.arrays(num_examples=90)
    path = tmp_path / "toy.npz"
    np.savez(path, y=y, group=np.arange(90) // 6, **x)
    return path


def run_alone(workdir, data, *settings):
    subprocess.run(
        [sys.executable, *SCRIPT, workdir, data, "online", "default"]
        + list(settings),
        cwd=cluster.ROOT,
        env=cluster.environment(),
        check=True,
        capture_output=True,
        timeout=600,
    )


def run_together(workdir, data, log_dir, *settings):
    command = [*SCRIPT, str(workdir), str(data), "online", "multi_worker"]
    processes = cluster.start([*command, *settings], 2, log_dir=log_dir)
    return cluster.wait(processes, timeout_seconds=600, log_dir=log_dir)


@pytest.mark.large
def test_run_of_two_workers_is_the_run_of_one_and_only_the_chief_writes(
    data, tmp_path
):
    one, two = tmp_path / "one", tmp_path / "two"
    run_alone(one, data)
    said = run_together(two, data, tmp_path)
    assert {path.name for path in one.iterdir()} == {
        path.name for path in two.iterdir()
    }
    expected = keras.models.load_model(one / "model.keras").get_weights()
    found = keras.models.load_model(two / "model.keras").get_weights()
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-4)
    histories = [
        json.loads((folder / "blend_history.json").read_text())
        for folder in (one, two)
    ]
    for alone, together in zip(*histories, strict=True):
        assert together["weights"] == pytest.approx(alone["weights"], abs=1e-3)
    assert "Blend at epoch 0" in said[0]
    assert "Blend at epoch" not in said[1]
    again = run_together(two, data, tmp_path)  # finished: left alone
    assert "nothing to do" in again[0]


@pytest.mark.large
def test_killed_workers_go_on_from_the_chiefs_checkpoint(data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_together(whole, data, tmp_path, "train.epochs=5")
    command = [*SCRIPT, str(killed), str(data), "online", "multi_worker"]
    processes = cluster.start([*command, "train.epochs=5"], 2, log_dir=tmp_path)
    try:
        cluster.wait_until(
            lambda: any(
                epochs  # not 0: where training starts is kept, too
                for epochs, _ in run_checkpoint.saved_epochs(
                    killed / "checkpoint"
                )
            ),
            timeout_seconds=600,
        )
    finally:
        for each in processes:
            each.kill()
            each.wait()
    assert not (killed / "summary.json").exists()
    said = run_together(killed, data, tmp_path, "train.epochs=5")
    assert "Going on after epoch" in said[0]
    weights = [
        keras.models.load_model(folder / "model.keras").get_weights()
        for folder in (whole, killed)
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.large
def test_localhost_script_trains_with_two_workers(data, tmp_path):
    workdir = tmp_path / "run"
    done = subprocess.run(
        [
            cluster.ROOT / "tools" / "launch" / "localhost.sh",
            "2",
            "--recipe=arrays",
            f"--set=data.path={data}",
            "--blend=offline",
            "--epochs=2",
            "--set=train.per_replica=true",
            f"--workdir={workdir}",
        ],
        env=cluster.environment(PYTHON=sys.executable),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((workdir / "summary.json").read_text())
    assert summary["num_replicas"] == 2
    given = json.loads((workdir / "recipe.json").read_text())["recipe"]
    assert summary["batch_size"] == 2 * given["data"]["batch_size"]
    assert summary["learning_rate"] == pytest.approx(
        2 * given["train"]["learning_rate"]
    )


@pytest.mark.large
@pytest.mark.parametrize("index", [0, 1])
def test_worker_that_waits_in_vain_for_another_ends(index):
    hosts = [f"localhost:{port}" for port in cluster.free_ports(2)]
    task = {
        "cluster": {"worker": hosts},
        "task": {"type": "worker", "index": index},
    }
    command = (
        "from gblend_keras import distribution as d; "
        "d.make_strategy('multi_worker', start_seconds=3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", command],
        env=cluster.environment(TF_CONFIG=json.dumps(task)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "then start all of them again." in done.stderr


def test_launch_scripts_refuse_what_they_cannot_use():
    folder = cluster.ROOT / "tools" / "launch"
    for command, said in (
        (["localhost.sh"], "expected NUM_WORKERS"),
        (["localhost.sh", "two"], "expected NUM_WORKERS"),
        (["worker.sh", "a:1"], "expected HOST:PORT,... INDEX"),
        (["worker.sh", "a:1,b:1", "2"], "INDEX must be 0 to 1"),
        (["tpu.sh", "name"], "expected NAME ZONE"),
    ):
        done = subprocess.run(
            [folder / command[0], *command[1:]],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 2
        assert said in done.stderr


def test_worker_script_says_who_the_process_is(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$TF_CONFIG"\necho "$@"\n')
    python.chmod(0o755)
    script = cluster.ROOT / "tools" / "launch" / "worker.sh"
    done = subprocess.run(
        [script, "a:1,b:2", "1", "--seed=3"],
        env=os.environ | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    task, arguments = done.stdout.splitlines()
    assert json.loads(task) == {
        "cluster": {"worker": ["a:1", "b:2"]},
        "task": {"type": "worker", "index": 1},
    }
    run = "-m gblend_keras train"
    assert arguments == f"{run} --strategy=multi_worker --seed=3"
