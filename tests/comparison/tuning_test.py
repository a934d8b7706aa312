"""The tuning budget."""

import math

import pytest

import gblend_keras as gb
from gblend_keras import config
from gblend_keras.comparison import _tuning

TRAIN = config.TrainConfig(learning_rate=0.02, weight_decay=1e-4)


def test_first_try_has_the_values_of_the_recipe():
    assert _tuning.candidates(TRAIN, 3)[0] == (0.02, 1e-4)
    assert _tuning.candidates(TRAIN, 0) == []


def test_tries_depend_on_the_seed_alone_and_more_begin_with_fewer():
    few, many = _tuning.candidates(TRAIN, 3), _tuning.candidates(TRAIN, 8)
    assert many[:3] == few
    assert len(set(many)) == 8
    assert _tuning.candidates(TRAIN, 8, seed=1)[1:] != many[1:]


def test_tries_stay_within_a_factor_of_ten_on_both_sides():
    drawn = _tuning.candidates(TRAIN, 200)[1:]
    rates = [each.learning_rate for each in drawn]
    decays = [each.weight_decay for each in drawn]
    # Log-uniform: half of them on each side of the centre, a tenth beyond 8x.
    assert 0.00199 < min(rates) < 0.0025 and 0.16 < max(rates) < 0.201
    assert 95 < sum(rate < 0.02 for rate in rates) < 105
    assert 0.99e-5 < min(decays) < 1.3e-5 and 0.8e-3 < max(decays) < 1.01e-3


@pytest.mark.parametrize("seed", range(20))
def test_eight_tries_have_a_rate_in_each_quarter_of_the_range(seed):
    drawn = _tuning.candidates(TRAIN, 8, seed=seed)[1:]
    for field, centre in (("learning_rate", 0.02), ("weight_decay", 1e-4)):
        places = [
            (1 + math.log10(getattr(each, field) / centre)) / 2
            for each in drawn
        ]
        quarters = {min(int(4 * place), 3) for place in places}
        assert quarters == {0, 1, 2, 3} or field == "weight_decay"
        assert len(quarters) > 2


def test_decay_of_zero_is_replaced_as_a_centre_not_as_a_try():
    settings = config.TrainConfig(weight_decay=0.0)
    own, *drawn = _tuning.candidates(settings, 50)
    assert own.weight_decay == 0
    assert all(0.99e-4 < each.weight_decay < 1.01e-2 for each in drawn)


def test_decay_goes_where_the_recipe_has_it():
    recipe = gb.recipes.get("digits")
    tried = _tuning.Candidate(0.5, 0.25)
    plain = _tuning.with_candidate(recipe, tried).train
    assert (plain.learning_rate, plain.weight_decay, plain.l2) == (0.5, 0.25, 0)
    with_l2 = config.with_settings(recipe, ["train.l2=0.001"])
    assert _tuning.candidates(with_l2.train, 1) == [(0.02, 0.001)]
    found = _tuning.with_candidate(with_l2, tried).train
    assert (found.weight_decay, found.l2) == (0.0, 0.25)


def test_tries_do_not_see_the_test_split():
    recipe = gb.recipes.get("digits")
    assert recipe.data.evaluate_on == "test"
    assert _tuning.on_validation(recipe).data.evaluate_on == "validation"


def test_best_accuracy_is_chosen_and_the_earliest_of_equal_ones():
    own, better = _tuning.Candidate(0.1, 0.0), _tuning.Candidate(0.2, 0.0)
    worse = _tuning.Candidate(0.3, 0.0)
    chosen = _tuning.choose(
        {2: (worse, 0.8, {}), 1: (better, 0.8, {"joint": 3}), 0: (own, 0.7, {})}
    )
    assert chosen == (better, 1, 0.8, {"joint": 3})
    assert _tuning.choose({}) is None


def test_best_epoch_is_the_first_of_equal_ones():
    rows = [
        {"epoch": "0", "val_joint_accuracy": "0.5"},
        {"epoch": "1", "val_joint_accuracy": "0.7"},
        {"epoch": "2", "val_joint_accuracy": "0.7"},
        {"epoch": "3", "val_joint_accuracy": "0.6"},
    ]
    assert _tuning.best_epoch(rows, "val_joint_accuracy") == 1
    assert _tuning.best_epoch(rows, "val_other_accuracy") is None
    assert _tuning.best_epoch([], "val_joint_accuracy") is None
