"""Answers when modalities are absent."""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.answers import pool
from gblend_keras.blending import input_checks


class Answer:
    """The answer of a blended model from some of its modalities.

    The pool of the trained heads that see nothing but what is there: the
    heads of these modalities and, when all are there, `joint`. Its exponents
    are those that `calibrate` fitted for these modalities; else it is the
    log-mean. A head is trained if its blend weight is above 0. Where none of
    them is trained (after plain joint training, say), `joint` answers, each
    absent input replaced by its training mean as the tower's normalisation
    layer knows it, or by zeros.

    Ours: the paper has no rule for absent modalities. This one was the best
    of those in `evaluation.fallbacks`; docs/evaluation.md has the figures.

    Args:
        model: A `BlendedModel`.
        present: The modalities that are there.

    Attributes:
        present: The modalities that are there, in the network's order.
        heads: The heads that answer.
        exponents: `{head: exponent}` of their pool.
        filled: Absent modalities that something must stand for, because an
            answering head reads them.
    """

    def __init__(self, model: Any, present: Collection[str]) -> None:
        network: keras.Model = model.network
        inputs = dict(network.input)
        self.present = [name for name in inputs if name in present]
        self.heads = pool.answering_heads(model, self.present)
        self.exponents = model.pool.exponents(self.heads, self.present)
        self._multi_label = model.multi_label
        outputs = {head: network.output[head] for head in self.heads}
        part = connected({name: inputs[name] for name in self.present}, outputs)
        self.filled: list[str] = []
        self._stand_ins: dict[str, Any] = {}
        if part is None:
            part = keras.Model(inputs, outputs)
            self.filled = [name for name in inputs if name not in present]
            self._stand_ins = {
                name: stand_in(network, name) for name in self.filled
            }
        self._part = part
        self._function = tf.function(
            lambda x: self.combine(self._part(self.complete(x))),
            reduce_retracing=True,
        )

    def __call__(self, x: Mapping[str, Any]) -> tf.Tensor:
        """Returns probabilities `(batch, classes)` for one batch."""
        return self._function({name: x[name] for name in self.present})

    def combine(self, logits: Mapping[str, Any]) -> tf.Tensor:
        """Returns probabilities from the logits of (at least) the heads."""
        return pool.pooled(
            logits, self.exponents, multi_label=self._multi_label
        )

    def complete(self, x: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the present modalities and what stands for absent ones."""
        size = tf.shape(x[self.present[0]])[:1]
        completed = {name: x[name] for name in self.present}
        for name, value in self._stand_ins.items():
            shape = tf.concat([size, tf.shape(value)], axis=0)
            completed[name] = tf.broadcast_to(value, shape)
        return completed


def connected(inputs: Any, outputs: dict[str, Any]) -> keras.Model | None:
    """Returns the part of a network from inputs to outputs.

    Args:
        inputs: Tensors of the network, as a list or a dictionary.
        outputs: Tensors of the network, `{name: tensor}`.

    Returns:
        A functional model; None when the outputs depend on other inputs, too.
    """
    try:
        return keras.Model(inputs, outputs)
    except ValueError:  # how Keras says so
        return None


def stand_in(network: keras.Model, modality: str) -> Any:
    """Returns what stands for one absent example of a modality.

    Raises:
        ValueError: If the size of an example is not fixed.
    """
    template = network.input[modality]
    shape = tuple(template.shape[1:])
    if None in shape:
        raise ValueError(
            f"Modality '{modality}' cannot be left out. Expected examples of "
            f"one size, or a head that does not read it. Received: {shape}. "
            "Pass an array of what stands for silence, or blank frames."
        )
    value = np.zeros(shape, template.dtype)
    layers = _normalizations(network, modality)
    if len(layers) == 1 and template.dtype.startswith("float"):
        mean = keras.ops.convert_to_numpy(layers[0].mean)
        # The axes in front have length 1.
        mean = mean.reshape(mean.shape[max(mean.ndim - len(shape), 0) :])
        value = np.broadcast_to(mean, shape).astype(template.dtype)
    return tf.constant(value)


def _normalizations(network: keras.Model, modality: str) -> list[Any]:
    """Finds the normalisation layer on a modality's way to its head.

    Where its head sees other modalities, too, the layer's path must begin
    with the modality's name, as those of recipes do.
    """
    if modality not in network.output:
        return []
    part = keras.Model(network.input, network.output[modality])
    found = [
        layer
        for layer in _flat(part)
        if isinstance(layer, keras.layers.Normalization)
    ]
    if len(found) > 1:
        found = [each for each in found if each.path.startswith(modality)]
    return found


def _flat(model: keras.Model) -> list[Any]:
    layers: list[Any] = []
    for layer in model.layers:
        is_model = isinstance(layer, keras.Model)
        layers += _flat(layer) if is_model else [layer]
    return layers


def predict_available(
    model: Any, x: Mapping[str, Any], *, batch_size: int = 32
) -> npt.NDArray[np.float32]:
    """Answers from the modalities there: see `missing_modalities.Answer`.

    Args:
        model: A trained `BlendedModel`.
        x: `{modality: array}` with at least one of the network's.
        batch_size: Examples computed at a time.

    Returns:
        Probabilities, shape `(examples, num_classes)`.

    Raises:
        ValueError: If `x` holds none of the network's modalities, or another
            one, or numbers of examples differ.
    """
    check_available(model.network, x)
    answer = Answer(model, list(x))
    total = len(x[answer.present[0]])
    batches = [
        answer(
            {
                name: tf.convert_to_tensor(x[name][start : start + batch_size])
                for name in answer.present
            }
        ).numpy()
        for start in range(0, total, batch_size)
    ]
    return np.concatenate(batches)


def check_available(network: keras.Model, x: Any) -> None:
    """Raises unless `x` holds at least one modality of the network."""
    names = list(network.input)
    if not isinstance(x, Mapping) or not x:
        raise ValueError(
            "`x` has no modality. Expected {modality: array} with some of "
            f"{names}. Received: {type(x).__name__}. "
            "Pass at least one modality."
        )
    unknown = [name for name in x if name not in names]
    if unknown:
        raise ValueError(
            "`x` has a modality that the network lacks. Expected some of "
            f"{names}. Received: {unknown}. Rename or remove it."
        )
    inputs = {name: network.input[name] for name in names if name in x}
    input_checks.check_inputs(keras.Model(inputs, dict(inputs)), x)
    lengths = {name: len(value) for name, value in x.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise ValueError(
            "`x` has modalities of different length, or none. Expected one "
            f"row an example in each. Received: {lengths}. "
            "Leave a modality out for all examples, or split them."
        )
