"""What a method costs beside joint training."""

import pytest

import gblend_keras as gb
from gblend_keras.benchmarks import method_cost
from tests import toy


def test_methods_are_counted_beside_joint_training(tmp_path):
    recipe = toy.saved_recipe(
        tmp_path,
        "train.epochs=4",
        num_examples=80,
    )
    found = method_cost.measure(
        recipe, data_dir=None, methods=["uniform", "probe"], rounds=2
    )
    assert set(found) == {"uniform", "probe"}
    assert found["uniform"]["examples"] == 1
    assert 1 < found["probe"]["examples"] < 1.6  # V is a part of 64 examples
    for each in found.values():
        assert each["seconds"] > 0 and each["whole_run_seconds"] > 0
        assert len(each["quartiles"]) == 3


def test_unknown_method_is_refused_before_training():
    with pytest.raises(ValueError, match="Expected one of"):
        method_cost.measure(
            gb.recipes.get("digits"), data_dir=None, methods=["nosuch"]
        )
