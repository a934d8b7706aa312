"""Phases: which heads are trained in which epochs."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import PhaseStarter
from gblend_keras.callbacks.phases import trained_heads
from tests import toy


class Watcher(keras.callbacks.Callback):
    """Notes what an epoch is trained with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            momenta = [
                np.abs(keras.ops.convert_to_numpy(variable)).sum()
                for variable in self.model.optimizer.variables[2:]
            ]
            weights = np.array(list(self.model.blend_weights.values()))
            rate = float(self.model.optimizer.learning_rate.numpy())
            plain = weights * self.model.loss_scale
            self.seen.append((plain.round(5).tolist(), sum(momenta), rate))


def test_phases_set_heads_and_start_with_a_fresh_optimizer():
    model = toy.model()
    phases = [Phase(2, ("m0", "m1")), Phase(2, ("joint",)), Phase(2)]
    settings = gb.config.TrainConfig(learning_rate=0.1, drop_at=(0.5,))
    schedule = optimizer_builder.make_schedule(settings, phases=phases)
    watcher = Watcher()
    callbacks = [PhaseStarter(phases), schedule, watcher]
    toy.fit(model, toy.arrays()[0], callbacks, epochs=6, y=toy.arrays()[1])
    weights, momenta, rates = zip(*watcher.seen, strict=True)
    assert (
        weights[::2]
        == weights[1::2]
        == (
            [1, 1, 0],
            [0, 0, 1],
            [0.5, 0.5, 0.5],  # each tower gets as much as from joint alone
        )
    )
    assert [bool(each) for each in momenta] == [False, True] * 3
    assert rates == pytest.approx([0.1, 0.01] * 3)


def test_resumed_phase_keeps_what_the_checkpoint_says():
    model = toy.model()
    model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
    x, y = toy.arrays()
    phases = [Phase(3, ("joint",))]
    toy.fit(model, x, [PhaseStarter(phases)], y=y, initial_epoch=1)
    assert model.blend_weights["m0"] == pytest.approx(0.5)


def test_trained_heads_are_those_of_all_phases():
    heads = ["m0", "m1", "joint"]
    both = [Phase(1, ("joint",)), Phase(1, ("m0",))]
    assert trained_heads(both, heads) == ["m0", "joint"]
    assert trained_heads([*both, Phase(1)], heads) == heads
