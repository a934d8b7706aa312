"""tools/zoo.py as a user runs it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import gblend_keras as gb
from tests import toy
from tests.places import ROOT
from tests.zoo.conftest import ABOUT

DATA = ROOT.parent / "shared" / "data"


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "tools/zoo.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def test_entries_are_listed_and_shown():
    listed = run("list")
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == len(gb.zoo.names())
    shown = run("show", "digits_online")
    assert shown.stdout == gb.zoo.card("digits_online")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Expected one of list"),
        (("look",), "Expected one of list"),
        (("show",), "Expected 1 word after show"),
        (("show", "digit_online"), "Did you mean"),
        (("add", "runs/none"), "Expected --about=FILE.json"),
    ],
)
def test_wrong_words_end_in_one_sentence(arguments, sentence):
    done = run(*arguments)
    assert done.returncode != 0
    assert sentence in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.large
def test_a_run_becomes_an_entry_that_is_verified(tmp_path):
    x, y = toy.arrays(num_examples=60)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    recipe = gb.config.with_settings(
        gb.recipes.get("arrays"), ["data.path=toy.npz", "train.epochs=1"]
    )
    gb.training.train(
        recipe,
        gb.training.Run(
            workdir=tmp_path / "run",
            data_dir=tmp_path,
            blend="joint",
            verbose=False,
        ),
    )
    described = {
        "name": "mine",
        "title": "mine",
        "about": ABOUT,
        "inputs": {"m0": "numbers", "m1": "numbers"},
        "command": "python tools/train.py --blend=joint",
    }
    (tmp_path / "about.json").write_text(json.dumps(described))
    zoo = tmp_path / "zoo"
    done = run(
        "add", tmp_path / "run", f"--about={tmp_path / 'about.json'}",
        f"--to={zoo}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    place = {"GBLEND_ZOO": str(zoo)}
    done = run("verify", "mine", f"--data_dir={tmp_path}", **place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mine: joint ")
    done = run("evaluate", "mine", f"--data_dir={tmp_path}", **place)
    assert done.returncode == 0 and "12 examples" in done.stdout, done.stderr
    metrics = json.loads((zoo / "mine" / "metrics.json").read_text())
    metrics["accuracy"]["joint"] = 2.0
    (zoo / "mine" / "metrics.json").write_text(json.dumps(metrics))
    assert run("seal", "mine", **place).returncode == 0
    done = run("verify", "mine", f"--data_dir={tmp_path}", **place)
    assert done.returncode != 0
    assert "not what the card says: mine." in done.stderr


@pytest.mark.large
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the data sets")
def test_every_entry_of_the_package_gives_what_its_card_says():
    done = run("verify", f"--data_dir={DATA}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("(card") > 6
