"""The interface of estimators, and the arithmetic that they share."""

import dataclasses

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending.estimators import estimator
from gblend_keras.blending.estimators import registry
from tests import toy
from tests.blending import estimates


class Fixed(gb.blending.Estimator):
    """Gives made-up numbers, and keeps what it was asked."""

    def __init__(self, settings=None):
        super().__init__(settings)
        self.asked = []

    def estimate(self, model, divisions, window, fit_settings, journal):
        self.asked.append((window, len(divisions), fit_settings.epochs))
        return dataclasses.replace(
            estimates.ANY, epoch=window.epoch, num_epochs=window.num_epochs
        )


def trained(given, path):
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    divided = gb.split_holdout(toy.arrays(), 0.25, batch_size=16)
    callback = gb.GradientBlending(
        divided, super_epochs=(2, 1), estimator=given, history_path=path
    )
    model = toy.model()
    toy.fit(model, divided, [callback], epochs=3)
    assert divided.num_examples == 96  # V is back
    return model.blend_weights


def test_callback_takes_another_estimator(tmp_path):
    path = tmp_path / "blend_history.json"
    first = Fixed()
    assert trained(first, path) == estimates.ANY.weights
    assert first.asked == [((0, 2), 1, 3), ((2, 1), 1, 3)]
    assert len(gb.read_history(path)) == 2


def test_history_of_an_equal_estimator_alone_is_believed(tmp_path):
    path = tmp_path / "blend_history.json"
    trained(Fixed(), path)
    equal, other = Fixed(), Fixed(gb.BlendSettings(seed=1))
    trained(equal, path)
    assert not equal.asked
    trained(other, path)
    assert len(other.asked) == 2


def test_estimators_with_other_settings_have_other_identities():
    one, other = Fixed(), Fixed(gb.BlendSettings(seed=1))
    assert one.identity == Fixed().identity != other.identity
    paper = gb.blending.Retrain()
    assert paper.identity == gb.BlendSettings() != one.identity


def test_estimator_refuses_a_model_that_it_cannot_serve():
    with pytest.raises(TypeError, match="Wrap the network"):
        Fixed().check(toy.tower("m0", 6))
    settings = gb.BlendSettings(weight_floor=0.4)
    with pytest.raises(ValueError, match="Choose a smaller floor."):
        Fixed(settings).check(toy.model())
    Fixed().check(toy.model())


def test_settings_and_estimator_exclude_each_other():
    with pytest.raises(ValueError, match="Give the settings to the estimator."):
        registry.chosen(Fixed(), gb.BlendSettings())


def test_conclusion_follows_from_the_losses():
    model = toy.model()
    ones = np.ones((4, 3))
    holdout = gb.blending.Losses(ones, ones - [0.2, 0.4, 0.0], np.ones(4))
    train = gb.blending.Losses(ones, ones - [0.3, 0.6, 0.1], np.ones(4))
    found = estimator.conclude(
        model,
        gb.BlendSettings(weight_floor=0.0, joint_floor=0.0),
        gb.blending.Window(2, 5),
        train,
        holdout,
    )
    # By hand: G = (0.2, 0.4, 0), O = (0.1, 0.2, 0.1), G/O^2 = (20, 10, 0).
    assert found.weights == pytest.approx(
        {"m0": 2 / 3, "m1": 1 / 3, "joint": 0.0}
    )
    assert found.ogr == pytest.approx({"m0": 0.5, "m1": 0.5, "joint": None})
    assert (found.epoch, found.num_epochs, found.num_holdout) == (2, 5, 4)


def test_weights_stay_where_no_head_generalised():
    model = toy.model()
    model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
    ones = np.ones((4, 3))
    worse = gb.blending.Losses(ones, ones + 0.1, np.ones(4))
    found = estimator.conclude(
        model, gb.BlendSettings(), gb.blending.Window(0, 1), worse, worse
    )
    assert found.kept_previous
    assert found.weights == pytest.approx(model.blend_weights)
