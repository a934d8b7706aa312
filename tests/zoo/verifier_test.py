"""Entries measured again."""

import json

import pytest

import gblend_keras as gb
from gblend_keras.zoo import entry_builder
from gblend_keras.zoo import verifier


def test_entry_gives_what_its_card_says(place, runs):
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), runs)
    combined = {"ensemble", "joint", "blend", "pool"}
    assert set(verdict.checked) == {"m0", "m1"} | combined
    assert not verdict.differs and "DIFFERS" not in str(verdict)


def test_figure_that_is_not_reached_is_found(place, runs):
    folder = place / "toy_uniform"
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["accuracy"]["joint"] += 0.01
    (folder / "metrics.json").write_text(json.dumps(metrics))
    entry_builder.seal(folder)
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), runs)
    assert verdict.differs == ["joint"] and "DIFFERS" in str(verdict)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("utd_mhad_offline", "needs --data_dir with 'utd_mhad'"),
        ("hub_i3d", "published"),
    ],
)
def test_what_cannot_be_measured_says_why(name, reason):
    verdict = verifier.verify(gb.zoo.entry(name), None)
    assert not verdict.differs and reason in str(verdict)


def test_missing_data_is_named(place, tmp_path):
    verdict = verifier.verify(gb.zoo.entry("toy_uniform"), tmp_path)
    assert verdict.reason == "its data 'toy.npz' is not there"
