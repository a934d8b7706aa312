"""tools/prepare_data.py as a user runs it, and as it is killed."""

import csv
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.records import parser
from gblend_keras.data.records import record_index
from tests.data import clip_files
from tests.places import ROOT

GRID = ROOT.parent / "shared" / "media" / "grid"


def command(*arguments):
    return [sys.executable, "tools/prepare_data.py", *map(str, arguments)]


def run(*arguments, **options):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=ROOT, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six short clips, one of which is missing, and their labels."""
    folder = tmp_path_factory.mktemp("clips")
    sound = clip_files.tone(1.0, 16000), 16000, "aac", 0.0
    clip_files.write_clip(
        folder / "0.mp4", np.arange(0, 1000, 100), sound=sound
    )
    for number in range(1, 5):
        shutil.copy(folder / "0.mp4", folder / f"{number}.mp4")
    rows = "".join(f"{n}.mp4,{'ab'[n % 2]},train\n" for n in range(6))
    (folder / "labels.csv").write_text(f"file,label,split\n{rows}")
    return folder


def flags_of(folder, out):
    return (
        "--dataset=csv",
        f"--annotations={folder / 'labels.csv'}",
        f"--videos={folder}",
        f"--out={out}",
        "--short_side=32",
        "--waveform",
        "--num_shards=3",
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_prepares_says_how_much_and_verifies(folder, tmp_path):
    out = tmp_path / "out"
    done = run(*flags_of(folder, out), "--workers=2")
    assert done.returncode == 0, done.stderr
    assert "train: 5 examples in 3 shards" in done.stdout
    assert "not stored: 1 (missing 1), see failures.csv" in done.stdout
    assert run(f"--out={out}", "--verify").returncode == 0

    record_set = record_index.read_index(out)
    shard = record_set.paths("train")[0]
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    damaged = run(f"--out={out}", "--verify")
    assert damaged.returncode != 0 and shard.name in damaged.stderr
    assert "Traceback" not in damaged.stderr

    dataset = tf.data.TFRecordDataset(
        [str(path) for path in record_set.paths("train")[1:]]
    ).map(lambda each: parser.parse_example(each, record_set.settings))
    for parsed in dataset.as_numpy_iterator():
        assert len(parsed["frames"]) == 10
        assert len(parsed["waveform"]) >= 16000


def test_more_failures_than_allowed_end_in_an_error_after_the_work(
    folder, tmp_path
):
    done = run(*flags_of(folder, tmp_path), "--max_failures=0")
    assert done.returncode == 1
    assert "train: 5 examples" in done.stdout
    assert "Too many videos could not be stored" in done.stderr
    assert "Traceback" not in done.stderr
    with (tmp_path / "failures.csv").open() as stream:
        assert [row["reason"] for row in csv.DictReader(stream)] == ["missing"]
    assert run(*flags_of(folder, tmp_path), "--max_failures=1").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--videos=."], "Add --out=DIR."),
        (["--out={tmp}"], "Add --videos=DIR."),
        (["--verify"], "Add --out=DIR."),
        (["--out={tmp}", "--verify"], "Run the command that makes it"),
        (["--dataset=kinetic"], "value should be one of"),
        (["--out={tmp}", "--videos=.", "--annotations=no.csv"], "Check the"),
        (["more"], "Expected only flags."),
    ],
)
def test_wrong_flags_end_in_one_sentence(arguments, advice, tmp_path):
    done = run(*(each.format(tmp=tmp_path) for each in arguments))
    assert done.returncode != 0
    assert advice in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_disk_that_takes_no_more_ends_in_one_sentence(folder, tmp_path):
    def small_files():  # a write beyond this size fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = run(*flags_of(folder, tmp_path / "out"), preexec_fn=small_files)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    left = [path.name for path in (tmp_path / "out").rglob("*")]
    assert sorted(left) == [".preparing", "run.json"]
    assert run(*flags_of(folder, tmp_path / "out")).returncode == 0


def test_second_process_on_the_same_folder_is_refused(folder, tmp_path):
    first = subprocess.Popen(
        command(*flags_of(folder, tmp_path)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (tmp_path / ".preparing").exists():
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)
        second = run(*flags_of(folder, tmp_path))
        assert second.returncode != 0
        assert "Wait for that process" in second.stderr
    finally:
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0


GRID_FLAGS = (
    "--dataset=csv",
    f"--annotations={GRID / 'labels.csv'}",
    f"--videos={GRID}",
    "--short_side=64",
    "--waveform",
    "--log_mel",
    "--flow=dis",
    "--num_shards=5",
)


@pytest.mark.large
@pytest.mark.skipif(not GRID.is_dir(), reason="the GRID clips are not here")
def test_killed_runs_of_more_workers_end_with_the_same_bytes(tmp_path):
    whole = tmp_path / "whole"
    done = run(*GRID_FLAGS, f"--out={whole}", "--workers=1")
    assert "test: 20 examples" in done.stdout, done.stderr
    two = tmp_path / "two"
    assert run(*GRID_FLAGS, f"--out={two}", "--workers=2").returncode == 0
    assert contents(two) == contents(whole)

    chance = random.Random(0)
    killed = tmp_path / "killed"
    for attempt in range(6):
        process = subprocess.Popen(
            command(*GRID_FLAGS, f"--out={killed}", "--workers=2"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.5, 10))
        victims = children_of(process.pid) if attempt % 2 else [process.pid]
        for victim in victims[:1]:
            os.kill(victim, signal.SIGKILL)
        if attempt % 2:  # a worker: the run goes on by itself
            time.sleep(1)
            process.kill()
        process.wait()
    assert run(*GRID_FLAGS, f"--out={killed}", "--workers=2").returncode == 0
    assert contents(killed) == contents(whole)


def children_of(pid):
    """The worker processes of a run, by /proc."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [
        int(child)
        for child in (path.read_text() if path.exists() else "").split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
