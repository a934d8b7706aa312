"""Comparisons that train: in this process and in several."""

import json
import multiprocessing
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
from gblend_keras.comparison import _crew
from gblend_keras.comparison import _tasks
from gblend_keras.training import failures
from gblend_keras.training import trainer
from tests import toy

SETTINGS = [
    "data.batch_size=16",
    "towers.m0.widths=4",
    "towers.m1.widths=4",
    "blend.offline_fraction=0.2",
]


def save_toy(path, **more):
    x, y = toy.arrays(num_examples=90, noise=2.0)
    np.savez(path, y=y, **x, **more)
    return [f"data.path={path}", *SETTINGS]


def recipe_of(path, *settings, **more):
    return gb.config.with_settings(
        gb.recipes.get("arrays"), [*save_toy(path, **more), *settings]
    )


def weights_of(folder):
    return keras.models.load_model(folder / "model.keras").get_weights()


def test_comparison_trains_tunes_and_counts(tmp_path):
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=2")
    comparison = gb.comparison.compare(
        recipe,
        trainer.Run(workdir=tmp_path / "all", verbose=False),
        methods=["joint"],
        seeds=[3],
        tune=1,
    )
    (row,) = comparison["rows"]
    summary = json.loads(
        (tmp_path / "all" / "joint" / "seed-3" / "summary.json").read_text()
    )
    assert row["accuracies"] == {"3": summary["accuracy"]["joint"]}
    # 90 examples, of which 72 are training data; two epochs.
    assert row["examples_trained"] == 144
    assert row["selected"]["epoch"] in (0, 1)
    rows = metrics_log.read_metrics(
        tmp_path / "all" / "joint" / "seed-3" / "metrics.csv"
    )
    assert row["selected"]["mean"] == pytest.approx(
        float(rows[row["selected"]["epoch"]]["val_joint_accuracy"])
    )
    tried = tmp_path / "all" / "joint" / "try-00"
    assert gb.reporting.read_summary(tried)["evaluated_on"] == "validation"
    # A part of the 72 was kept out of the try.
    examples = comparison["tuning"]["joint"]["tries"][0]["examples_trained"]
    assert 0 < examples < 144


def test_curve_of_the_reported_split_is_kept_beside_a_validation_split(
    tmp_path,
):
    split = np.array(["train"] * 60 + ["validation"] * 12 + ["test"] * 18)
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=2", split=split)
    run = trainer.Run(workdir=tmp_path / "run", blend="joint", verbose=False)
    summary = trainer.train(recipe, run)
    rows = metrics_log.read_metrics(tmp_path / "run" / "metrics.csv")
    last = float(rows[-1]["evaluated_joint_accuracy"])
    assert last == pytest.approx(summary["accuracy"]["joint"])
    assert "val_joint_accuracy" in rows[-1]


def test_ensemble_has_a_curve(tmp_path):
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=2")
    run = trainer.Run(
        workdir=tmp_path / "run", blend="modalities", verbose=False
    )
    summary = trainer.train(recipe, run)
    last = metrics_log.read_metrics(tmp_path / "run" / "metrics.csv")[-1]
    assert float(last["evaluated_ensemble_accuracy"]) == pytest.approx(
        summary["accuracy"]["ensemble"]
    )


def test_cost_of_an_interrupted_run_is_that_of_all_its_parts(
    tmp_path, monkeypatch
):
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=3")
    run = trainer.Run(workdir=tmp_path / "run", blend="joint", verbose=False)
    original = run_checkpoint.RunCheckpoint.on_epoch_end

    def stop(self, now, logs=None):
        original(self, now, logs)
        if now == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_checkpoint.RunCheckpoint, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(recipe, run)
    entries = json.loads(
        (tmp_path / "run" / "checkpoint" / "cost.json").read_text()
    )
    assert [examples for _, examples in entries] == [72, 72]
    summary = trainer.train(recipe, run)
    assert summary["examples_trained"] == 3 * 72
    assert summary["seconds"] >= round(sum(each[0] for each in entries), 1)


@pytest.mark.large
def test_run_after_another_is_what_it_is_alone(tmp_path):
    recipe = recipe_of(
        tmp_path / "toy.npz", "train.epochs=3", "towers.m0.dropout=0.3"
    )

    def run(folder, seed, blend):
        return _tasks.Task(
            folder,
            recipe,
            trainer.Run(
                workdir=tmp_path / folder,
                seed=seed,
                blend=blend,
                deterministic=True,
                verbose=False,
            ),
        )

    _tasks.perform(run("alone", 1, "offline"))
    _tasks.perform(run("before", 0, "joint"))
    _tasks.perform(run("after", 1, "offline"))
    for one, other in zip(
        weights_of(tmp_path / "alone"),
        weights_of(tmp_path / "after"),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def command(tmp_path, *arguments):
    settings = save_toy(tmp_path / "toy.npz")
    return [
        sys.executable,
        "tools/compare.py",
        "--recipe=arrays",
        *[f"--set={each}" for each in settings],
        f"--workdir={tmp_path / 'all'}",
        *arguments,
    ]


@pytest.mark.large
def test_jobs_give_what_one_after_another_gives(tmp_path):
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=3")
    accuracies = []
    for jobs in (1, 2):
        comparison = gb.comparison.compare(
            recipe,
            trainer.Run(
                workdir=tmp_path / f"jobs-{jobs}",
                deterministic=True,
                verbose=False,
            ),
            methods=["joint", "offline", "m0"],
            seeds=range(2),
            jobs=jobs,
        )
        assert comparison["failures"] == []
        accuracies.append([row["accuracies"] for row in comparison["rows"]])
    assert accuracies[0] == accuracies[1]


@pytest.mark.large
def test_process_that_is_killed_fails_its_run_and_no_other(tmp_path):
    recipe = recipe_of(tmp_path / "toy.npz", "train.epochs=3")
    long = gb.config.with_settings(recipe, ["train.epochs=100000"])

    def task(name, chosen):
        folder = tmp_path / name
        return _tasks.Task(
            name, chosen, trainer.Run(workdir=folder, blend="joint")
        )

    todo = [task("long", long), *[task(f"run-{i}", recipe) for i in range(3)]]
    found = {}
    with _crew.Crew(2) as crew:
        for outcome in crew.outcomes(todo):
            found[outcome.label] = outcome
            if outcome.label == "run-1":
                pid = int(_child_that_trains(tmp_path / "long"))
                os.kill(pid, signal.SIGKILL)
    assert found["long"].error == "ProcessDied"
    assert "exit code -9" in found["long"].reason
    assert all(found[f"run-{i}"].summary for i in range(3))
    stored = json.loads((tmp_path / "long" / failures.FAILURE).read_text())
    assert stored["error"] == "ProcessDied"
    assert (tmp_path / "run-0" / _tasks.LOG).read_text()


def _child_that_trains(folder):
    """The process whose standard output is the log of a run."""
    log = folder / _tasks.LOG
    for process in os.listdir("/proc"):
        try:
            if os.path.samefile(f"/proc/{process}/fd/1", log):
                return process
        except OSError:
            continue
    raise AssertionError("no process writes the log")


@pytest.mark.large
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ending_the_tool_ends_its_processes_and_it_goes_on(tmp_path, how):
    line = command(
        tmp_path,
        "--jobs=2",
        "--seeds=1",
        "--methods=joint,m0",
        "--deterministic",
    )
    long = [*line, "--set=train.epochs=60"]
    started = subprocess.Popen(
        long,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    saved = tmp_path / "all" / "joint" / "seed-0" / "checkpoint"
    while not any(epoch for epoch, _ in run_checkpoint.saved_epochs(saved)):
        assert started.poll() is None
        time.sleep(0.02)
    pid = int(_child_that_trains(tmp_path / "all" / "joint" / "seed-0"))
    # Ctrl-C reaches every process of a terminal's foreground group.
    if how == signal.SIGINT:
        os.killpg(started.pid, how)
    else:
        os.kill(started.pid, how)
    output, _ = started.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while _is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if how == signal.SIGINT:
        assert "the same command goes on." in output
        assert "Traceback" not in output
    assert not (tmp_path / "all" / "joint" / "seed-0" / "summary.json").exists()
    done = subprocess.run(long, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "all" / "joint" / "seed-0" / _tasks.LOG).read_text()
    assert "Going on after epoch" in log


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as opened:
            return opened.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_worn_processes_are_replaced(monkeypatch):
    """With processes that only say that they have done what they were told."""
    started = []

    class Process:
        def __init__(self, threads):
            started.append(threads)
            self.pipe, self._other = multiprocessing.Pipe()
            self.num_runs, self.is_busy, self.ended = 0, False, False

        @property
        def is_worn(self):
            return self.num_runs >= 2

        def give(self, task):
            self.is_busy = True
            self.num_runs += 1
            self._other.send(task)

        def take(self):
            self.is_busy = False
            return self.pipe.recv()

        def end(self):
            self.pipe.close()
            self._other.close()

    monkeypatch.setattr(_crew, "_Worker", Process)
    monkeypatch.setattr(_crew, "num_cores", lambda: 4)
    with _crew.Crew(2) as crew:
        assert sorted(crew.outcomes(list("abcde"))) == list("abcde")
        assert sorted(crew.outcomes(["f"])) == ["f"]
    # Six runs, two at most by each process, 4 / 2 threads.
    assert started == [2, 2, 2]
