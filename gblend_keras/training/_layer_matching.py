"""Layers of two networks, matched by name and shape."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import keras

from gblend_keras.fusion.network import tower_models


@dataclasses.dataclass(frozen=True)
class Part:
    """What one part of a network has taken over.

    Attributes:
        name: "rgb tower", "rgb head" or "joint head".
        source: Where it was looked for; "" when nowhere.
        taken: Layers whose weights were taken.
        kept: Standardisation layers, which keep this data's statistics.
        different: Layers that start anew, each with the reason.
    """

    name: str
    source: str = ""
    taken: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    different: tuple[str, ...] = ()


class Layer(NamedTuple):
    """A layer with weights, by its name inside its part."""

    name: str
    layer: keras.layers.Layer

    @property
    def is_standardization(self) -> bool:
        return isinstance(self.layer, keras.layers.Normalization)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(each.shape) for each in self.layer.weights]


class Comparison:
    """Pairs layers that fit, and copies their weights at the end.

    Args:
        take_standardization: Whether standardisation layers are copied.
    """

    def __init__(self, take_standardization: bool) -> None:
        self._takes_all = take_standardization
        self._pairs: list[tuple[Layer, Layer]] = []

    def part(
        self,
        name: str,
        mine: Sequence[Layer],
        theirs: Sequence[Layer],
        source: str,
    ) -> Part:
        """Pairs the layers of one part, and says which do not fit."""
        kept = [each.name for each in mine if not self._counts(each)]
        mine = [each for each in mine if self._counts(each)]
        known = _by_name(mine, [each for each in theirs if self._counts(each)])
        taken, different = [], []
        for layer in mine:
            found = known.get(layer.name)
            if found is None:
                different.append(f"{layer.name} starts anew: it is not there.")
            elif found.shapes != layer.shapes:
                different.append(
                    f"{layer.name} starts anew: its weights are "
                    f"{layer.shapes}, {found.shapes} there."
                )
            else:
                self._pairs.append((layer, found))
                taken.append(layer.name)
        return Part(name, source, tuple(taken), tuple(kept), tuple(different))

    def copy(self) -> None:
        """Copies the weights of all pairs."""
        for target, found in self._pairs:
            target.layer.set_weights(found.layer.get_weights())
            if target.is_standardization:
                target.layer.finalize_state()

    def _counts(self, layer: Layer) -> bool:
        return self._takes_all or not layer.is_standardization


def _by_name(
    mine: Sequence[Layer], theirs: Sequence[Layer]
) -> dict[str, Layer]:
    """Returns their layers by my names."""
    known = {each.name: each for each in theirs}
    if all(each.name in known for each in mine):
        return known
    # Names that Keras gave by itself count up with each new layer, so that
    # one name may stand for different layers in two models.
    if [each.shapes for each in mine] == [each.shapes for each in theirs]:
        return {
            one.name: other for one, other in zip(mine, theirs, strict=True)
        }
    return known


def tower_layers(network: keras.Model, modality: str) -> list[Layer]:
    """Returns the layers of a modality's tower that have weights."""
    return [
        each
        for tower in tower_models(network, modality)
        for each in _layers(tower)
    ]


def head_layers(network: keras.Model, name: str) -> list[Layer]:
    """Returns the layer of a head, by its name; empty where there is none."""
    return [each for each in _layers(network) if each.name == name]


def common_layers(network: keras.Model) -> list[Layer]:
    """Returns the layers outside of towers and modality heads."""
    taken = {f"{name}_head" for name in network.input}
    towers = {
        id(tower)
        for name in network.input
        for tower in tower_models(network, name)
    }
    return [
        each
        for layer in network.layers
        if id(layer) not in towers and layer.name not in taken
        for each in _layers(layer)
    ]


def _layers(layer: keras.layers.Layer, prefix: str = "") -> list[Layer]:
    """Returns the layers that have weights, inner models opened."""
    if not isinstance(layer, keras.Model):
        name = prefix or layer.name
        return [Layer(name, layer)] if layer.weights else []
    found = []
    for each in layer.layers:
        inner = f"{prefix}/{each.name}" if prefix else each.name
        found += _layers(each, inner)
    return found
