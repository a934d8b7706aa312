"""Learning rates of single towers."""

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras.fusion.network import tower_models


class TowerRates:
    """Factors on the learning rates of towers, whatever the optimizer.

    After the optimizer's step, each variable of such a tower goes only a
    share of the way:

        v <- v_old + factor * (v_new - v_old)

    For every optimizer whose update is proportional to the learning rate
    (SGD with or without momentum, Adam, AdamW and most others), this is
    exactly training the tower at `factor * learning_rate`, decoupled weight
    decay included. A factor on the gradients would do nothing under Adam,
    which divides them by their own size. It costs one copy of the tower's
    variables a step. The optimizer stays the one it was: it treats each
    variable by itself as before, so estimates need no more passes.

    Source: none; the paper fine-tunes all towers at one rate.

    Args:
        network: Functional model `{modality: input} -> {head: logits}`.
        factors: `{modality: factor}`; 1 for modalities that are not named.

    Raises:
        ValueError: If a modality is unknown, a factor is out of range, or
            modalities that share a tower have different ones.
    """

    def __init__(
        self, network: keras.Model, factors: Mapping[str, float]
    ) -> None:
        self.factors = {
            name: float(value) for name, value in factors.items() if value != 1
        }
        names = list(network.input)
        for name, factor in self.factors.items():
            if name not in names:
                raise ValueError(
                    "`learning_rate_factors` names an unknown modality. "
                    f"Expected some of {names}. Received: {name!r}. "
                    "Correct the name."
                )
            config.check_range(
                f"learning_rate_factors.{name}", factor, 1e-6, 1e3
            )
        self._scaled = _trained(network, self.factors)

    @contextmanager
    def scaled(self) -> Iterator[None]:
        """Scales what an optimizer's step inside does to the variables."""
        before = [tf.identity(each.value) for each, _ in self._scaled]
        yield
        for (variable, factor), old in zip(self._scaled, before, strict=True):
            variable.assign(old + factor * (variable.value - old))


def _trained(
    network: keras.Model, factors: Mapping[str, float]
) -> list[tuple[keras.Variable, float]]:
    """Returns the variables that are trained, each with its factor."""
    found: dict[int, tuple[keras.Variable, float]] = {}
    for name, factor in factors.items():
        for tower in tower_models(network, name):
            for variable in tower.trainable_variables:
                _, other = found.setdefault(id(variable), (variable, factor))
                if other != factor:
                    raise ValueError(
                        "`learning_rate_factors` contradict each other. "
                        "Expected one factor for modalities that share a "
                        f"tower. Received: {dict(factors)}. "
                        "Give them the same, or towers of their own."
                    )
    return list(found.values())
