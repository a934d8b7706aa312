"""A small problem that every part is tested on."""

import keras
import numpy as np
from keras import layers

import gblend_keras as gb

NUM_CLASSES = 3


def arrays(num_modalities=2, *, num_examples=96, seed=0, noise=1.0):
    """Makes modalities "m0", "m1", ...: a class centre and noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(num_examples) % NUM_CLASSES
    x = {}
    for index in range(num_modalities):
        centers = rng.normal(size=(NUM_CLASSES, 6 + index))
        spread = rng.normal(size=(num_examples, 6 + index))
        x[f"m{index}"] = (centers[y] + noise * spread).astype(np.float32)
    return x, y


def tower(modality, size, *, dropout=0.0, norm=False, units=8):
    """Builds a tower of one dense layer."""
    inputs = keras.Input((size,))
    x = layers.Dense(units, activation="relu")(inputs)
    if norm:
        x = layers.BatchNormalization()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, x, name=f"{modality}_tower")


def model(
    num_modalities=2,
    *,
    optimizer=None,
    dropout=0.0,
    norm=False,
    multi_label=False,
    **compile_arguments,
):
    """Builds and compiles a model for `arrays`."""
    towers = {
        f"m{index}": tower(f"m{index}", 6 + index, dropout=dropout, norm=norm)
        for index in range(num_modalities)
    }
    network = gb.late_fusion(towers, NUM_CLASSES)
    blended = gb.BlendedModel(network, multi_label=multi_label)
    blended.compile(
        optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
        metrics=["accuracy"],
        **compile_arguments,
    )
    return blended


def state(blended):
    """Copies every variable of the model and its optimizer."""
    variables = [*blended.variables, *blended.optimizer.variables]
    return [keras.ops.convert_to_numpy(each).copy() for each in variables]


def assert_state(blended, expected):
    """Asserts that the state is `expected`, bit for bit."""
    for one, other in zip(expected, state(blended), strict=True):
        np.testing.assert_array_equal(one, other)


def fit(blended, data, callbacks=(), epochs=3, **arguments):
    """Trains quietly."""
    return blended.fit(
        data, epochs=epochs, verbose=0, callbacks=list(callbacks), **arguments
    )


def saved_recipe(folder, *settings, num_examples):
    """Saves `arrays` in a folder; the recipe that trains on them."""
    x, y = arrays(num_examples=num_examples)
    path = folder / "toy.npz"
    np.savez(path, y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [f"data.path={path}", "data.batch_size=16", *settings],
    )
