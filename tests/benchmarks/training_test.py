"""Where the time of a training goes: that every part is counted once."""

import pytest

import gblend_keras as gb
from gblend_keras.benchmarks import training
from tests import toy


def test_parts_of_a_training_add_up(tmp_path):
    recipe = toy.saved_recipe(
        tmp_path,
        "train.epochs=3",
        "blend.first_super_epoch=2",
        "blend.super_epoch=1",
        "blend.holdout_fraction=0.2",
        num_examples=60,
    )
    found = training.measure(recipe, data_dir=None, rounds=2)
    assert found["bare_loop"]["throughput"] > 0
    # 48 of 60 train, in 3 batches; a round has 100 steps or more.
    assert found["bare_loop"]["steps_a_round"] == 34 * 3
    outside = found["outside"]
    assert all(seconds > 0 for seconds in outside.values())
    assert 0 < outside["share"] < 1
    shares = found["operations"]["shares"]
    assert "MatMul" in "".join(shares) and sum(shares.values()) <= 1 + 1e-9


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds"):
        training.measure(gb.recipes.get("digits"), data_dir=None, rounds=0)
