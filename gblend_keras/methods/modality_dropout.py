"""modality_dropout: joint training with whole modalities left out at random.

Each modality of each example is dropped with probability `rate`; where all of
an example's would be, one of them, drawn uniformly, stays.

Source: Neverova, Wolf, Taylor & Nebout, "ModDrop", TPAMI 2016, section 4.2.
Ours: a rate of 0.2. A dropped input is replaced by what stands for an absent
one at prediction (`missing_modalities.stand_in`): its training mean, as the
tower's normalisation layer knows it, or zeros without one. Nothing is scaled
up, for towers are not linear in their inputs.
Cost: 1 training.
"""

from typing import Any

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import missing_modalities
from gblend_keras.blending import rules
from gblend_keras.methods import base


def method(rate: float = 0.2) -> base.Method:
    """Returns joint training with modalities dropped.

    Args:
        rate: Probability that a modality is dropped, in (0, 1).
    """
    config.check_range("methods.modality_dropout.rate", rate, 0.001, 0.99)
    return base.Method(
        phases=base.joint_head, new_rule=lambda: ModalityDropout(rate)
    )


def kept(draws: tf.Tensor, rate: float) -> tf.Tensor:
    """Decides which modalities stay.

    Args:
        draws: Uniform in [0, 1), shape `(batch, modalities)`.
        rate: See `method`.

    Returns:
        Booleans of the same shape, at least one true in each row: the largest
        draw of a row always stays, whose place is uniform.
    """
    largest = tf.one_hot(tf.argmax(draws, axis=1), draws.shape[1])
    return tf.logical_or(draws >= rate, largest > 0)


class ModalityDropout(rules.Rule):
    """Replaces whole inputs by what stands for absent ones.

    Args:
        rate: See `method`.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def build(self, model: Any) -> None:
        self._stand_ins = {
            name: missing_modalities.stand_in(model.network, name)
            for name in model.network.input
        }

    def inputs(
        self, x: dict[str, tf.Tensor], seeds: keras.random.SeedGenerator
    ) -> dict[str, tf.Tensor]:
        batch = tf.shape(next(iter(x.values())))[0]
        draws = keras.random.uniform((batch, len(x)), seed=seeds)
        columns = tf.unstack(kept(draws, self.rate), axis=1)
        masked = {}
        for (name, value), stays in zip(x.items(), columns, strict=True):
            # Replaces the examples that do not stay.
            ones = tf.ones(tf.rank(value) - 1, tf.int32)
            shape = tf.concat([tf.shape(stays), ones], axis=0)
            stand_in = tf.cast(self._stand_ins[name], value.dtype)
            masked[name] = tf.where(tf.reshape(stays, shape), value, stand_in)
        return masked
