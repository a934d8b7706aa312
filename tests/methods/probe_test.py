"""The options of the method probe."""

import json

import pytest

import gblend_keras as gb
from gblend_keras.training import trainer
from tests import toy


def test_options_reach_the_probe(tmp_path):
    recipe = toy.saved_recipe(
        tmp_path,
        "train.epochs=4",
        "methods.probe.share=0.5",
        "methods.probe.power=0",
        "methods.probe.prove=0",
        num_examples=80,
    )
    run = trainer.Run(tmp_path / "run", blend="probe", verbose=False)
    trainer.train(recipe, run)
    (estimate,) = json.loads((run.workdir / "blend_history.json").read_text())
    assert estimate["probe"] == "2 epochs"
    assert estimate["num_passes"] == 1
    assert estimate["proof"] is None
    assert set(estimate["weights"].values()) == {1 / 3}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("share", 0.0, "`methods.probe.share` is out of range"),
        ("power", -1.0, "`methods.probe.power` is out of range"),
        ("prove", 0.5, "`methods.probe.prove` is unknown"),
    ],
)
def test_options_out_of_range_are_refused(option, value, said):
    with pytest.raises(ValueError, match=said):
        gb.methods.get("probe", options={"probe": {option: value}})
