"""A head that trained and learned nothing is named, with what to do."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending import collapse
from tests import toy
from tests.blending import estimates

CHANCE = np.log(3)


def found_in(model, epochs, **arguments):
    return collapse.find(model, epochs, learning_rate=0.05, **arguments)


def logs(**losses):
    return {f"{head}_loss": loss for head, loss in losses.items()}


def test_head_at_chance_is_named_with_its_effective_rate():
    model = toy.model(loss_scale=3.0)
    model.assign_blend_weights({"m0": 0.05, "m1": 0.05, "joint": 0.9})
    found = found_in(model, [logs(m0=0.5, m1=0.4, joint=CHANCE)] * 20)
    assert [each.head for each in found] == ["joint"]
    assert found[0].effective_rate == pytest.approx(0.05 * 3 * 0.9)
    text = found[0].summary()
    assert "Head 'joint' has collapsed: after epoch 20" in text
    assert "effective rate of 0.135" in text
    assert "Lower the learning rate" in text


def test_head_with_a_small_weight_or_none_may_stay_at_chance():
    model = toy.model()
    model.assign_blend_weights({"m0": 0.0, "m1": 0.1, "joint": 0.9})
    assert not found_in(model, [logs(m0=1.2, m1=1.2, joint=0.5)] * 5)


def test_explosion_is_found_whatever_the_weight():
    model = toy.model()
    model.assign_blend_weights({"m0": 0.01, "m1": 0.09, "joint": 0.9})
    (found,) = found_in(model, [logs(m0=900.0, m1=0.4, joint=0.5)] * 5)
    assert "Head 'm0' has exploded" in found.summary()


def test_head_that_learns_slowly_has_not_collapsed():
    model = toy.model()
    assert not found_in(model, [logs(m0=1.05, m1=1.05, joint=1.05)] * 5)


def test_loss_that_still_falls_is_of_a_training_too_short():
    model = toy.model()
    rows = [logs(m0=0.5, m1=0.5, joint=loss) for loss in (1.9, 1.5, 1.2)]
    assert not found_in(model, rows)
    after = [logs(m0=0.5, m1=0.5, joint=loss) for loss in (50, 1.1, 1.1, 1.1)]
    assert found_in(model, after)
    assert not found_in(model, after[:1])


def test_several_classes_an_example_and_weighted_examples():
    model = toy.model(multi_label=True)
    found = found_in(model, [logs(m0=0.3, m1=0.3, joint=0.7)] * 5)
    assert found[0].chance == pytest.approx(np.log(2))
    heavy = logs(m0=0.3, m1=0.3, joint=3.0)
    assert not found_in(model, [heavy] * 5, weighted=True)


def test_fit_logs_an_error_at_its_end(caplog):
    data = gb.make_training_dataset(gb.Examples(*toy.arrays()))
    slow = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-9 / 10**epoch)
    model = toy.model()
    with caplog.at_level("ERROR", logger="absl"):
        toy.fit(model, data, [slow], epochs=3)
    assert "effective rate of 5e-10" in caplog.text
    assert "Head 'joint' has collapsed: after epoch 3" in caplog.text
    caplog.clear()
    with caplog.at_level("ERROR", logger="absl"):
        toy.fit(toy.model(), data, epochs=3)
    assert not caplog.text


def test_estimate_says_that_a_training_loss_rose():
    exploded = gb.BlendEstimate.from_json(
        {
            **estimates.ANY.to_json(),
            "generalisation": {"m0": -10533.0, "m1": 0.2, "joint": 0.3},
            "overfitting": {"m0": 3.0, "m1": 0.1, "joint": 0.1},
        }
    )
    line = exploded.verdict()[0]
    assert line.startswith("The training loss of m0 rose by 10530.0 nats")
