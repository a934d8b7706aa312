"""The weights of a network in a file, each under its name.

A `.npz` of plain arrays: nothing in it can run, and NumPy alone reads it.
Keras' own files number layers of a kind, so that two of one shape could change
places unseen when a network is built in another order; here each has a name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from gblend_keras.data import npz


def named(model: keras.Model) -> dict[str, Any]:
    """Returns `{name: variable}` of a network.

    A name is `<tower>/<layer>/<number>_<variable>`, or without the tower:
    variables of one layer are numbered, for its parts may repeat a name.
    Seeds of random generators are left out.
    """
    found: dict[str, Any] = {}
    for layer_name, layer in _leaves(model, ""):
        kept = [each for each in layer.variables if "seed" not in each.name]
        for number, variable in enumerate(kept):
            found[f"{layer_name}/{number}_{variable.name}"] = variable
    return found


def _leaves(model: keras.Model, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer, f"{prefix}{layer.name}/")
        else:
            yield f"{prefix}{layer.name}", layer


def save(model: keras.Model, path: Path) -> None:
    """Writes the weights of a network, whole or not at all."""
    values = {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in named(model).items()
    }
    npz.write_npz(path, values, compressed=True)


def load(model: keras.Model, path: Path) -> None:
    """Gives a network the weights of a file.

    Raises:
        ValueError: If the file cannot be read, or its names or shapes are not
            the network's. The network is left as it was.
    """
    stored = npz.read_npz(path)
    variables = named(model)
    wrong = sorted(set(stored) ^ set(variables)) + [
        f"{name} {stored[name].shape}"
        for name, variable in variables.items()
        if name in stored and stored[name].shape != tuple(variable.shape)
    ]
    if wrong:
        raise ValueError(
            f"{path} is of another network. Expected {len(variables)} weights "
            f"by name and shape. Received: {len(wrong)} that differ, such as "
            f"{wrong[:3]}. Use the version that wrote it."
        )
    for name, variable in variables.items():
        variable.assign(stored[name])
    for _, layer in _leaves(model, ""):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights
