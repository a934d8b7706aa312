"""Multiply-adds of a network, counted from its graph."""

import math
from typing import Any

import keras
from keras import layers

from gblend_keras.towers import depthwise

_WITH_KERNEL = (
    layers.Dense,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    depthwise.DepthwiseConv3D,
)


def multiply_adds(model: keras.Model) -> int:
    """Counts the multiply-adds of one example in a functional model.

    Counted are convolutions, dense layers and attention; norms, activations,
    pools and sums are not. This is the "FLOPs" of the paper's Table 6 and of
    most others: one multiplication and the addition after it count once.

    Source: Wang et al., CVPR 2020, Table 6 (110.1 GFLOPs, see the tests).

    Args:
        model: A functional model whose input sizes are all known. Models
            inside it count too.

    Returns:
        Multiply-adds an example.

    Raises:
        ValueError: If an inner size is unknown, or a layer is used twice, so
            that its sizes cannot be read from the graph.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_mlp((6,), widths=(64, 32))
        >>> gb.towers.multiply_adds(tower)  # 6 * 64 + 64 * 32
        2432
    """
    for entry in model.get_config().get("layers", []):
        if len(entry.get("inbound_nodes", [])) > 1:
            raise ValueError(
                f"Layer '{entry['name']}' is used more than once. Expected a "
                "graph without shared layers, whose sizes can be read. "
                f"Received: model={model.name}. Count its parts one by one."
            )
    return sum(_layer_multiply_adds(layer) for layer in model.layers)


def giga_multiply_adds(model: keras.Model) -> float:
    """Returns `multiply_adds(model)` in units of 10^9, the paper's GFLOPs.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_conv2d((224, 224, 3), name="image_tower")
        >>> round(gb.towers.giga_multiply_adds(tower), 2)
        0.2
    """
    return multiply_adds(model) / 1e9


def _layer_multiply_adds(layer: keras.Layer) -> int:
    if isinstance(layer, keras.Model):
        return multiply_adds(layer)
    if isinstance(layer, layers.MultiHeadAttention):
        return _attention(layer)
    if isinstance(layer, _WITH_KERNEL):
        # A kernel is as large as the multiply-adds of one position: it
        # already has inputs of its group x outputs, or channels alone.
        return math.prod(_sizes(layer)[:-1]) * math.prod(layer.kernel.shape)
    return 0


def _attention(layer: keras.Layer) -> int:
    """Counts four projections, the scores and their weighted sum."""
    length = _sizes(layer)[-2]
    projections = sum(
        math.prod(variable.shape)
        for variable in layer.weights
        if variable.name == "kernel"
    )
    config = layer.get_config()
    value_dim = config["value_dim"] or config["key_dim"]
    width = config["num_heads"] * (config["key_dim"] + value_dim)
    return length * projections + length * length * width


def _sizes(layer: keras.Layer) -> tuple[int, ...]:
    """Returns the shape of a layer's output, without the batch axis."""
    output: Any = layer.output
    sizes = tuple(output.shape[1:])
    if None in sizes:
        raise ValueError(
            f"Layer '{layer.name}' has an unknown size. Expected every size "
            f"to be known. Received: shape={output.shape}. "
            "Build the network with a fixed `input_shape`."
        )
    return sizes
