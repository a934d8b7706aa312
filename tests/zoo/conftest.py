"""A small zoo: one run, one folder of entries, an empty cache."""

import json

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.zoo import catalog
from gblend_keras.zoo import entry_builder
from tests import toy

ABOUT = {
    "task": "Three classes.",
    "data": "Made for the test.",
    "licence": "None needed.",
    "use": "Tests.",
    "limits": "Everything else.",
    "citation": "Nobody.",
}


def make_description(**changes):
    values = {
        "name": "toy_uniform",
        "title": "toy classes",
        "about": ABOUT,
        "inputs": {"m0": "numbers", "m1": "other numbers"},
        "command": "python tools/train.py --recipe=arrays --blend=uniform",
    }
    return entry_builder.Description(**{**values, **changes})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GBLEND_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GBLEND_ZOO", raising=False)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with `toy.npz` and runs of two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    x, y = toy.arrays(num_examples=60)
    np.savez(folder / "toy.npz", y=y, **x)
    recipe = gb.config.with_settings(
        gb.recipes.get("arrays"),
        [
            "data.path=toy.npz",
            "train.epochs=2",
            "train.fusion_dropout=0.1",
            "towers.m0.widths=8",
            "towers.m1.widths=8",
        ],
    )
    for seed in (0, 1):
        gb.training.train(
            recipe,
            gb.training.Run(
                workdir=folder / f"run_{seed}",
                data_dir=folder,
                seed=seed,
                blend="uniform",
                verbose=False,
            ),
        )
    return folder


@pytest.fixture(scope="session")
def added(runs, tmp_path_factory):
    """A folder of entries with `toy_uniform`. Tests must not change it."""
    place = tmp_path_factory.mktemp("zoo")
    entry_builder.add(
        runs / "run_0",
        make_description(),
        place=place,
        repeats=[runs / "run_1"],
    )
    return place


@pytest.fixture
def place(added, tmp_path, monkeypatch):
    """A copy of it that a test may damage, where the zoo looks."""
    copy = tmp_path / "place"
    for path in (added / "toy_uniform").iterdir():
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        (copy / path.parent.name / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("GBLEND_ZOO", str(copy))
    return copy


def change_entry(folder, **changes):
    """Alters `entry.json`, and the checksums with it, as an attacker would."""
    path = folder / catalog.ENTRY
    values = json.loads(path.read_text())
    values.update(changes)
    path.write_text(json.dumps(values))
    names = catalog.sums(folder)
    (folder / catalog.SUMS).write_text(
        "".join(f"{catalog.sha256(folder / n)}  {n}\n" for n in names)
    )
