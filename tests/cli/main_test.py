"""The command `gblend` as a user runs it: help, typos, what it prints."""

import subprocess
import sys
import time

import numpy as np
import pytest

from gblend_keras.cli import main
from tests import toy
from tests.places import ROOT

COMMANDS = sorted(main.COMMANDS)


def gblend(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "gblend_keras", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        **options,
    )


def seconds_of(*arguments):
    begin = time.perf_counter()
    gblend(*arguments)
    return time.perf_counter() - begin


def test_overview_names_every_command_in_a_line():
    shown = gblend("--help").stdout.splitlines()
    for name in COMMANDS:
        assert sum(line.startswith(f"  {name} ") for line in shown) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_on_lines_of_their_own(name, capsys):
    main.main([name, "--help"])
    shown = capsys.readouterr().out
    assert f"\n    gblend {name}" in shown
    assert "\nFlags:" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "logtostderr" not in shown  # absl's own flags


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_no_tensorflow(name):
    code = (
        "import sys; from gblend_keras.cli import main\n"
        f"main.main([{name!r}, '--help'])\n"
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_methods_are_listed_where_they_are_chosen(capsys):
    for command in ("train", "compare"):
        main.main([command, "--help"])
        shown = capsys.readouterr().out
        assert "early_stopping" in shown and "uncertainty" in shown


@pytest.mark.parametrize("tool", sorted((ROOT / "tools").glob("*.py")))
def test_every_tool_is_a_command(tool):
    if tool.name == "__init__.py":
        return
    done = subprocess.run(
        [sys.executable, tool, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: gblend ")


WRONG = [
    (["trian"], "Did you mean train?"),
    ([], "Expected a command"),
    (["train", "--recipe=digit"], "Did you mean digits?"),
    (["train", "--epoch=3"], "Did you mean: epochs"),
    (["train", "--set=train.epoch=3"], "Check the spelling."),
    (["train", "--recipe=utd_mhad"], "Add --data_dir=DIR."),
    (["train", "--recipe=utd_mhad", "--data_dir=/nowhere"], "is not there"),
    (["train", "--blend=onlin"], "Expected one of"),
    (["train", "more"], "Expected only flags."),
    (["compare", "--methods=joint,onlin"], "Did you mean online"),
    (["compare", "--seeds=0"], "is not a positive integer"),
    (["estimate", "--model=/nowhere"], "correct the path"),
    (["evaluate"], "Name what to evaluate."),
    (["evaluate", "--model=/nowhere"], "correct the path"),
    (["predict", "--model=runs"], "Expected at least one video file."),
    (["predict", "a.mp4"], "Add --model=RUN_DIR."),
    (["report"], "Name the --workdir"),
    (["report", "/nowhere"], "/nowhere"),
    (["export", "--out=x"], "Add --model=RUN_DIR."),
    (["export", "--out=x", "--model=digits_onlin"], "Did you mean"),
    (["convert", "--source=vmz"], "Add --input=FILE."),
    (["convert", "--source=vmz", "--input=/n", "--dry_run"], "is not there"),
    (["zoo", "lists"], "Did you mean list?"),
    (["benchmark", "steps"], "Expected one of"),
    (["prepare", "--videos=."], "Add --out=DIR."),
]


@pytest.mark.parametrize(("arguments", "advice"), WRONG)
def test_typos_end_in_one_sentence_before_tensorflow_loads(arguments, advice):
    code = (
        "import sys; from gblend_keras.cli import main\n"
        "try:\n"
        f"    main.main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    print(end.code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    code, loaded = done.stdout.split()
    assert code in ("1", "2") and loaded == "False"


def test_help_and_typos_are_quick():
    assert min(seconds_of("train", "--help") for _ in range(3)) < 0.5
    typo = ("train", "--blend=onlin")
    assert min(seconds_of(*typo) for _ in range(3)) < 1


def test_only_our_own_lines_are_on_the_terminal(tmp_path):
    x, y = toy.arrays(num_examples=60)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    done = gblend(
        "train",
        "--recipe=arrays",
        f"--set=data.path={tmp_path}/toy.npz",
        "--epochs=1",
        "--blend=offline",
        f"--workdir={tmp_path}/run",
    )
    assert done.returncode == 0, done.stderr
    for line in done.stderr.splitlines():
        assert line.startswith(("estimate at epoch", "training:")), line
    assert "Everything about this run is in" in done.stdout


def test_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m gblend_keras zoo list | head -n 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr == "" and done.stdout.startswith("avmnist_joint")
