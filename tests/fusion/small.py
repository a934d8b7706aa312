"""Small towers that name their stages, and models that join them."""

import keras
from keras import layers

import gblend_keras as gb
from gblend_keras.fusion import _parts
from gblend_keras.fusion import registry
from tests import toy

EXCHANGING = ("se_gate", "non_local", "bottleneck")


def tower(modality, size, *, width=8):
    """Builds a tower on a vector, read as `size` positions of one value."""
    inputs = keras.Input((size,))
    x = layers.Reshape((size, 1))(inputs)
    x = layers.Conv1D(4, 3, activation="relu", padding="same")(x)
    x = layers.Identity(name="low_output")(x)
    x = layers.Conv1D(width, 3, activation="relu", padding="same")(x)
    x = layers.Identity(name="high_output")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, x, name=f"{modality}_tower")


def towers(num_modalities=2):
    return {
        f"m{index}": tower(f"m{index}", 6 + index, width=8 + 4 * index)
        for index in range(num_modalities)
    }


def network(fusion, num_modalities=2, **options):
    return gb.fuse(
        towers(num_modalities), toy.NUM_CLASSES, fusion=fusion, **options
    )


def model(fusion, num_modalities=2, **options):
    blended = gb.BlendedModel(network(fusion, num_modalities, **options))
    blended.compile(
        keras.optimizers.SGD(0.05, momentum=0.9), metrics=["accuracy"]
    )
    return blended


def fused(fusion, sizes, *, hidden_units=None, **options):
    """Builds a fusion on towers that pass their features through."""
    inputs = {
        name: keras.Input((size,), name=name) for name, size in sizes.items()
    }
    through = {
        name: keras.Sequential(
            [keras.Input((size,)), layers.Identity()], name=f"{name}_tower"
        )
        for name, size in sizes.items()
    }
    result = registry.build_fusion(
        fusion,
        _parts.TowerCalls(through, inputs),
        _parts.JointHead(2, hidden_units),
        options,
    )
    return keras.Model(inputs, result.fused)
