"""Run directories: one run at a time, old ones, other ones."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from gblend_keras import config
from gblend_keras import recipes
from gblend_keras.runs import directory
from gblend_keras.utils import lock

HOLD = (
    "import sys, time, pathlib\n"
    "from gblend_keras.runs import directory\n"
    "with directory.claimed(pathlib.Path(sys.argv[1])):\n"
    "    print('ready', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_folder_in_use_is_refused_and_names_the_process(holder, tmp_path):
    with (
        pytest.raises(ValueError, match="or choose another folder.") as raised,
        directory.claimed(tmp_path),
    ):
        pass
    assert f"process {holder.pid} on" in str(raised.value)


def test_lock_of_a_killed_process_does_not_block(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / directory.LOCK).exists()
    (tmp_path / ".partial-1.zip").write_bytes(b"half")
    with directory.claimed(tmp_path):
        assert not (tmp_path / ".partial-1.zip").exists()
    assert list(tmp_path.iterdir()) == []


def test_folder_is_free_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), directory.claimed(tmp_path):
        raise KeyError
    with directory.claimed(tmp_path):
        pass


def test_two_runs_of_one_process_exclude_each_other(tmp_path):
    with (
        directory.claimed(tmp_path),
        pytest.raises(ValueError, match="is in use"),
        directory.claimed(tmp_path),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(ValueError, match="Choose another folder."),
        directory.claimed(tmp_path),
    ):
        pass


def test_folder_on_a_file_system_without_room_is_refused(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(lock.os, "open", refuse)
    with (
        pytest.raises(ValueError, match="Read-only file system"),
        directory.claimed(tmp_path),
    ):
        pass


def identity(**changes):
    return {
        "format": directory.RUN_FORMAT,
        "recipe": recipes.get("digits").to_json(),
        "seed": 0,
        "blend": "online",
    } | changes


def store(folder, value):
    (folder / "recipe.json").write_text(json.dumps(value))


def test_settings_that_an_earlier_version_lacked_have_their_defaults(tmp_path):
    old = identity()
    old["recipe"]["train"].pop("nesterov")
    old["recipe"]["data"].pop("clips")
    store(tmp_path, old)
    directory.check_identity(tmp_path, identity())
    changed = config.with_settings(
        recipes.get("digits"), ["train.nesterov=true"]
    )
    with pytest.raises(ValueError, match="Received: another recipe."):
        directory.check_identity(tmp_path, identity(recipe=changed.to_json()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "another seed. Choose another folder, or repeat"),
        ({"blend": "joint"}, "another blend. Choose another folder"),
        ({"format": 0}, "Received: format=0. Choose another folder, or use"),
        ({"format": 99}, "Received: format=99. Choose another folder, or use"),
        ({"recipe": {"name": "a", "new": 1}}, "or finish it with its own"),
    ],
)
def test_folder_of_another_run_or_version_is_refused(tmp_path, change, message):
    store(tmp_path, identity(**change))
    with pytest.raises(ValueError, match=re.escape(message)):
        directory.check_identity(tmp_path, identity())


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"a"'])
def test_damaged_recipe_is_refused(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match="Train again in another folder."):
        directory.check_identity(tmp_path, identity())


def test_recipe_without_a_seed_is_refused(tmp_path):
    lacking = identity()
    del lacking["seed"]
    store(tmp_path, lacking)
    with pytest.raises(ValueError, match="or finish it with its own version."):
        directory.check_identity(tmp_path, identity())


def test_reported_curve_is_preferred_to_that_of_a_validation_split():
    rows = [
        {"epoch": "0", "val_joint_accuracy": "1", "val_m0_accuracy": "1"},
        {"epoch": "1", "val_joint_accuracy": "1", "val_m0_accuracy": "1"},
    ]
    assert directory.accuracy_column(rows, "joint") == "val_joint_accuracy"
    for row in rows:
        row["evaluated_joint_accuracy"] = "0.5"
    assert (
        directory.accuracy_column(rows, "joint") == "evaluated_joint_accuracy"
    )
    assert directory.accuracy_column(rows, "m0") == "val_m0_accuracy"
