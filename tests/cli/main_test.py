"""The command `gblend` as a user runs it: help, typos, what it prints."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.cli import early_checks
from gblend_keras.cli import main
from gblend_keras.runs import directory
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
    """Seconds of a core: on a busy machine a clock tells of the others."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    gblend(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    (["train", "--set=train.epoch=3"], "Did you mean epochs? Check the"),
    (["train", "--set=trian.epochs=3"], "Did you mean train? See the"),
    (["train", "--set=towers.imgae.widths=8"], "Did you mean image? Check"),
    (["train", "--set=methods.gradnrm.alpha=1"], "Did you mean gradnorm"),
    (["train", "--set=methods.gradnorm.alfa=1"], "Did you mean alpha? Check"),
    (["train", "--init_from=digits_onlin"], "Did you mean digits_online"),
    (["train", "--init_from=image:digits_onlin:image"], "Did you mean"),
    (["train", "--data_dir=/nowhere"], "`data_dir` is not there"),
    (["train", "--strategy=tpuu"], "should be one of"),
    (["train", "--recipe=utd_mhad"], "Add --data_dir=DIR."),
    (["train", "--recipe=utd_mhad", "--data_dir=/nowhere"], "is not there"),
    (["train", "--blend=onlin"], "Expected one of"),
    (["train", "more"], "Expected only flags."),
    (["compare", "--methods=joint,onlin"], "Did you mean online"),
    (["compare", "--methods="], "is empty or names one twice"),
    (["compare", "--methods=joint,joint"], "is empty or names one twice"),
    (["compare", "--seeds=0"], "is not a positive integer"),
    (["estimate", "--model=/nowhere"], "correct the path"),
    (["evaluate"], "Name what to evaluate."),
    (["evaluate", "--model=/nowhere"], "correct the path"),
    (["evaluate", "--verbs=/n", "--nouns=/n"], "`verbs` is not there"),
    (["predict", "--model=runs"], "Expected at least one video file."),
    (["predict", "a.mp4"], "Add --model=RUN_DIR."),
    (["report"], "Name the --workdir"),
    (["report", "/nowhere"], "/nowhere"),
    (["export", "--out=x"], "Add --model=RUN_DIR."),
    (["export", "--out=x", "--model=digits_onlin"], "Did you mean"),
    (["export", "--out=x", "--model=tests"], "correct the path"),
    (["convert", "--source=vmz"], "Add --input=FILE."),
    (["convert", "--source=vmz", "--input=/n", "--dry_run"], "is not there"),
    (["zoo", "lists"], "Did you mean list?"),
    (["zoo", "verify", "--data_dir=/nowhere"], "`data_dir` is not there"),
    (["zoo", "add", "/nowhere", "--about=a"], "correct the path"),
    (["zoo", "import", "digits_online", "/nowhere"], "`file` is not there"),
    (["benchmark", "steps"], "Expected one of"),
    (["benchmark", "blend", "--methods=prob"], "Did you mean probe"),
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


@pytest.mark.parametrize("name", gb.recipes.names())
def test_no_recipe_is_taken_for_a_typo(name):
    recipe = gb.recipes.get(name)
    data = dataclasses.replace(recipe.data, dataset="digits")
    early_checks.check_recipe(dataclasses.replace(recipe, data=data), None)


def test_options_of_methods_are_what_their_files_say():
    for name in gb.methods.names():
        options = dict.fromkeys(early_checks._options_of(name), 1.0)
        gb.methods.check_options({name: options})


def test_run_that_goes_on_needs_no_source_any_more(tmp_path):
    with pytest.raises(ValueError, match="is not in the zoo"):
        early_checks.check_init_from("runs/gone", tmp_path)
    (tmp_path / directory.CHECKPOINTS).mkdir()
    early_checks.check_init_from("runs/gone", tmp_path)


def test_last_words_of_a_tensorflow_that_dies_are_seen(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os\n"
        "os.write(2, b'I0000 00:00:1 1 port.cc:153] oneDNN is on.\\n')\n"
        "os.write(2, b'F0000 00:00:1 1 check.cc:9] No AVX here.\\n')\n"
        "os.abort()\n"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = gblend("train", "--epochs=1", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "F0000 00:00:1 1 check.cc:9] No AVX here.\n"


def toy_flags(folder):
    """A tiny set, and the flags by which it is trained for an epoch."""
    x, y = toy.arrays(num_examples=60)
    np.savez(folder / "toy.npz", y=y, **x)
    return ("--recipe=arrays", f"--set=data.path={folder}/toy.npz")


def test_worker_processes_are_as_silent(tmp_path):
    done = gblend(
        "compare",
        *toy_flags(tmp_path),
        "--set=train.epochs=1",
        "--methods=joint,uniform",
        "--seeds=1",
        "--jobs=2",
        f"--workdir={tmp_path}/runs",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_export_says_where_its_file_is_and_no_more(tmp_path):
    done = gblend(
        "export",
        "--model=digits_joint",
        "--format=tflite",
        f"--out={tmp_path}/digits.tflite",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"Everything about it is in {tmp_path}" in done.stdout


def test_only_our_own_lines_are_on_the_terminal(tmp_path):
    done = gblend(
        "train",
        *toy_flags(tmp_path),
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
