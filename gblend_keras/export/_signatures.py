"""The ways to call an exported network, and inputs to try them on."""

import itertools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras import config
from gblend_keras.answers import pool
from gblend_keras.blending import losses
from gblend_keras.blending import missing_modalities
from gblend_keras.blending.model import BlendedModel
from gblend_keras.export._formats import Signature
from gblend_keras.fusion.network import tower_models
from gblend_keras.heads import BLEND
from gblend_keras.heads import POOL

ALL = "all"
# The signature that a program gets when it asks for none.
DEFAULT = "serving_default"
# Outputs are called so after their head: an output must not be called like
# an input. The answer of a set of modalities is `probabilities` alone.
ANSWER = "probabilities"
UNKNOWN_SIZE = 32  # of random examples: where a size is left open


def signatures(
    model: BlendedModel,
    head: str = ALL,
    modalities: Sequence[str] = (),
    *,
    many: bool = True,
) -> dict[str, Signature]:
    """Returns the ways to call an exported model.

    Args:
        model: A trained model.
        head: See `export_model`.
        modalities: See `export_model`.
        many: Whether there may be more than one.

    Raises:
        ValueError: If the head is unknown or was not trained, or the
            modalities do not fit.
    """
    config.check_choice("head", head, (ALL, BLEND, POOL, *model.head_names))
    trained = pool.trained(model.blend_weights)
    needed = {BLEND: model.head_names, POOL: trained, ALL: []}.get(head, [head])
    missing = [name for name in needed if name not in trained]
    if missing:
        raise ValueError(
            f"`head` was not trained. Expected one of {trained}, whose blend "
            f"weight is above 0. Received: head={head!r}, which needs "
            f"{missing}. Choose a trained head, or '{ALL}'."
        )
    if modalities:
        names = list(model.network.input)
        if head != ALL or any(name not in names for name in modalities):
            raise ValueError(
                f"`modalities` does not fit. Expected some of {names}, with "
                f"head='{ALL}'. Received: modalities={list(modalities)}, "
                f"head={head!r}. A head always reads the same modalities."
            )
        return {DEFAULT: _answer(model, modalities)}
    if head != ALL:
        return {DEFAULT: _heads(model, [head])}
    is_whole = len(trained) == len(model.head_names)
    shown = [*trained, BLEND] if is_whole else trained
    if len(trained) > 1:
        shown = [*shown, POOL]
    found = {DEFAULT: _heads(model, shown)}
    if many:
        found |= _answers(model)
    return found


def random_examples(
    model: BlendedModel, count: int, *, seed: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Draws inputs with the training set's mean and deviation.

    Where a tower does not know them, mean 0 and deviation 1; integers from 0
    to 255 for bytes, and 0 or 1 for others.

    Args:
        model: What they are for.
        count: Number of examples.
        seed: Seeds them.

    Raises:
        ValueError: If a modality is text.
    """
    rng = np.random.default_rng(seed)
    examples = {}
    for name, spec in model.network.input.items():
        shape = (count, *(size or UNKNOWN_SIZE for size in spec.shape[1:]))
        dtype = tf.as_dtype(spec.dtype)
        if dtype.is_floating:
            mean, deviation = _statistics(model.network, name)
            values = mean + deviation * rng.normal(size=shape)
        elif dtype.is_integer or dtype.is_bool:
            values = rng.integers(0, 256 if dtype.size == 1 else 2, shape)
        else:
            raise ValueError(
                f"Modality '{name}' holds {spec.dtype}. Expected numbers, or "
                "`examples` to compare on. Received: none. "
                "Pass `examples`."
            )
        examples[name] = values.astype(dtype.as_numpy_dtype)
    return examples


def _statistics(network: keras.Model, modality: str) -> tuple[Any, Any]:
    """Returns mean and deviation that the tower standardises with."""
    for tower in tower_models(network, modality):
        for layer in tower.layers:
            if isinstance(layer, keras.layers.Normalization):
                mean = keras.ops.convert_to_numpy(layer.mean)
                variance = keras.ops.convert_to_numpy(layer.variance)
                return mean, np.sqrt(variance)
    return 0.0, 1.0


def _heads(model: BlendedModel, heads: Sequence[str]) -> Signature:
    """Returns the signature of some answers, as `predict` has them."""
    network, multi_label = model.network, model.multi_label
    exponents = model.pool.exponents(pool.trained(model.blend_weights))
    of_answer = {BLEND: list(network.output), POOL: list(exponents)}
    needed = {each for head in heads for each in of_answer.get(head, [head])}
    read = [head for head in network.output if head in needed]
    logits = {head: network.output[head] for head in read}
    inputs = dict(network.input)
    if len(read) == 1 and read[0] in inputs:  # a modality's own head
        own = missing_modalities.connected({read[0]: inputs[read[0]]}, logits)
        inputs = {read[0]: inputs[read[0]]} if own else inputs
    part = keras.Model(inputs, logits)

    def function(x: Mapping[str, Any]) -> dict[str, Any]:
        said = part(x, training=False)
        found = losses.probabilities(said, multi_label=multi_label)
        if POOL in heads:
            found[POOL] = pool.pooled(said, exponents, multi_label=multi_label)
        return {f"{head}_{ANSWER}": found[head] for head in heads}

    outputs = tuple(f"{head}_{ANSWER}" for head in heads)
    return Signature(_specs(inputs), outputs, function)


def _answer(model: BlendedModel, present: Sequence[str]) -> Signature:
    """Returns the signature of the answer from some modalities."""
    answer = missing_modalities.Answer(model, present)
    inputs = {name: model.network.input[name] for name in answer.present}

    def function(x: Mapping[str, Any]) -> dict[str, Any]:
        return {ANSWER: answer(x)}

    return Signature(_specs(inputs), (ANSWER,), function)


def _answers(model: BlendedModel) -> dict[str, Signature]:
    """Returns the answers from every set of modalities that can answer."""
    names = list(model.network.input)
    found: dict[str, Signature] = {}
    for count in range(1, len(names) + 1):
        for present in itertools.combinations(names, count):
            name = "_".join(present)
            if name in found or name == DEFAULT:
                raise ValueError(
                    "Two sets of modalities have one name. Expected names "
                    f"that differ when joined by '_'. Received: {name!r} "
                    f"twice, of {names}. Export them one by one, with "
                    "`modalities`."
                )
            try:
                found[name] = _answer(model, present)
            except ValueError:  # of no fixed size: nothing can stand for it
                continue
    return found


def _specs(inputs: Mapping[str, Any]) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec((None, *each.shape[1:]), each.dtype, name=name)
        for name, each in inputs.items()
    }
