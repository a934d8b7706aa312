"""Checks of what a model and its `compile`, `fit` and so on are given."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.blending import rules
from gblend_keras.data import example_checks
from gblend_keras.data import example_set
from gblend_keras.heads import JOINT

LabelKind = tuple[int, bool]  # number of classes, multi-label


def check_network(network: object) -> None:
    """Raises unless the network names its inputs and its heads."""
    if not isinstance(network, keras.Model):
        raise ValueError(
            "`network` is not a model. Expected a functional keras.Model. "
            f"Received: {type(network).__name__}. Build it with `late_fusion`."
        )
    outputs = network.output if network.outputs else None
    if not isinstance(outputs, dict) or JOINT not in outputs:
        found = sorted(outputs) if isinstance(outputs, dict) else outputs
        raise ValueError(
            "`network` does not name its heads. Expected a dictionary of "
            f"logits with a head '{JOINT}'. Received: {found}. "
            "Build it with `late_fusion`."
        )
    if not isinstance(network.input, dict):
        raise ValueError(
            "`network` does not name its inputs. Expected a dictionary "
            f"{{modality: input}}. Received: {network.input}. "
            "Build it with `late_fusion`."
        )


def check_rule(rule: object) -> None:
    """Raises unless `rule` is None or a rule of a method."""
    if rule is not None and not isinstance(rule, rules.Rule):
        raise TypeError(
            "`rule` is no rule. Expected None or a gb.Rule. "
            f"Received: {type(rule).__name__}. "
            'Use methods.get("pcgrad").new_rule(), say.'
        )


def check_compile(loss_scale: object, settings: Mapping[str, Any]) -> None:
    """Raises if `compile` is given what would bypass the blend.

    Args:
        loss_scale: As `BlendedModel.compile` takes it.
        settings: Those that are Keras' own.
    """
    unsupported = sorted({"loss_weights", "weighted_metrics"} & set(settings))
    if unsupported:
        raise ValueError(
            f"`{unsupported[0]}` cannot be used here. Expected "
            "blend weights. Received: a Keras setting that would bypass "
            "them. Use `assign_blend_weights`, or `metrics`."
        )
    is_number = isinstance(loss_scale, (int, float)) and loss_scale > 0
    if not is_number and loss_scale not in (None, "heads"):
        raise ValueError(
            "`loss_scale` does not fit. Expected a number > 0, 'heads' for "
            "the number of heads, or None. "
            f"Received: loss_scale={loss_scale!r}. Leave it out, so that no "
            "tower trains faster than under plain joint training."
        )


def blend_values(
    weights: Mapping[str, float], head_names: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Returns weights in the order of the heads, once they are a blend.

    Raises:
        ValueError: If a head is missing or unknown, or a weight is negative,
            or they do not sum to 1.
    """
    if set(weights) != set(head_names):
        raise ValueError(
            "`weights` does not name the heads. Expected "
            f"{list(head_names)}. Received: {list(weights)}. "
            "Give every head a weight."
        )
    values = np.array([weights[head] for head in head_names])
    if not (values >= 0).all() or not math.isclose(
        values.sum(), 1.0, abs_tol=1e-4
    ):
        raise ValueError(
            "`weights` is no blend. Expected weights >= 0 that sum to 1. "
            f"Received: {dict(weights)}. Divide them by their sum."
        )
    return values.astype(np.float32)


def check_fit(
    network: keras.Model, call: Mapping[str, Any], kind: LabelKind
) -> None:
    """Raises unless the data of a `fit` fit the network.

    Args:
        network: The functional model.
        call: Arguments of `fit`.
        kind: Number of classes, and whether labels are multi-hot.

    Raises:
        ValueError: As `check_data`.
    """
    check_given(network, (call["x"], call["y"], call["sample_weight"]), kind)
    validation = call["validation_data"]
    if isinstance(validation, (tuple, list)):
        validation = (*validation, *[None] * (3 - len(validation)))
        check_given(network, validation, kind)
    elif validation is not None:
        check_given(network, (validation, None, None), kind)


def check_given(
    network: keras.Model, given: tuple[Any, Any, Any], kind: LabelKind
) -> None:
    """Raises unless `x`, `y` and `sample_weight` fit, or a dataset as `x`."""
    x, y, _ = given
    is_arrays = isinstance(x, (Mapping, np.ndarray, list)) or y is not None
    check_data(network, given if is_arrays else x, kind)


def check_data(network: keras.Model, data: Any, kind: LabelKind) -> None:
    """Raises unless `data` fits the network: inputs, shapes, labels, values.

    Arrays are checked whole; of a stream, its structure and its first batch.

    Args:
        network: The functional model `{modality: input} -> {head: logits}`.
        data: `(x, y)` or `(x, y, sample_weight)` arrays, a
            `tf.data.Dataset`, or a `keras.utils.PyDataset`.
        kind: Number of classes, and whether labels are multi-hot.

    Raises:
        ValueError: As said, in one sentence.
    """
    if isinstance(data, tuple):
        check_inputs(network, data[0])
        _check_values(network, data, kind)
        return
    batch = _first_batch(data)
    if batch is None:
        return  # a generator: looking at it would use it up
    if not (isinstance(batch, (tuple, list)) and len(batch) in (2, 3)):
        raise ValueError(
            "The dataset has a wrong structure. Expected batches of "
            "({modality: tensor}, label) or with sample_weight. "
            f"Received: {type(batch).__name__} of {_length(batch)}. "
            "Map it to that structure."
        )
    check_inputs(network, batch[0])
    values = tf.nest.map_structure(np.asarray, tuple(batch))
    _check_values(network, values, kind)


def check_inputs(network: keras.Model, x: Any) -> None:
    """Raises unless `x` has the network's modalities, shapes and dtypes."""
    expected = input_specs(network)
    if not isinstance(x, Mapping):
        raise ValueError(
            "The inputs are not named. Expected {modality: array} with "
            f"{list(expected)}. Received: {type(x).__name__}. "
            "Pass a dictionary."
        )
    example_checks.check_modalities(x, list(expected))
    for name, spec in expected.items():
        _check_shape(name, tuple(np.shape(x[name])), tuple(spec.shape))
        dtype = tf.as_dtype(
            getattr(x[name], "dtype", np.asarray(x[name]).dtype)
        )
        if dtype == tf.string and spec.dtype != "string":
            raise ValueError(
                f"Modality '{name}' holds text. Expected {spec.dtype}. "
                "Received: strings. Turn them into numbers first."
            )


def input_specs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns `{modality: symbolic input}` of the network."""
    return {spec.name: spec for spec in network.inputs}


def _check_shape(
    name: str,
    shape: tuple[int, ...],
    expected: tuple[int | None, ...],
) -> None:
    fits = len(shape) == len(expected) and all(
        wanted is None or size == wanted
        for size, wanted in zip(shape[1:], expected[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"Modality '{name}' has a wrong shape. Expected "
            f"{('batch', *expected[1:])}. Received: {shape}. "
            "Reshape the data or build the tower for this shape."
        )


def _first_batch(data: Any) -> Any:
    if isinstance(data, tf.data.Dataset):
        for batch in data.take(1):
            return batch
    elif isinstance(data, keras.utils.PyDataset):
        if data.num_batches != 0:
            return data[0]
    else:
        return None
    raise ValueError(
        "The dataset is empty. Expected at least one batch. "
        "Received: none. Check the files it reads."
    )


def _check_values(
    network: keras.Model, data: tuple[Any, ...], kind: LabelKind
) -> None:
    x, y, *rest = data
    if y is None:
        raise ValueError(
            "There are no labels. Expected `y` with one label an example. "
            "Received: y=None. Pass the labels."
        )
    weight = rest[0] if rest else None
    examples = example_set.Examples(
        x={name: np.asarray(x[name]) for name in input_specs(network)},
        y=np.asarray(y),
        sample_weight=None if weight is None else np.asarray(weight),
    )
    check_label_range(examples.y, kind)


def check_label_range(y: example_set.Array, kind: LabelKind) -> None:
    """Raises unless every label is a class of the network."""
    num_classes, multi_label = kind
    columns = y.shape[1] if y.ndim == 2 else None
    if multi_label or columns not in (None, 1):
        if columns != num_classes or np.max(y) > 1:
            raise ValueError(
                "`y` does not fit the network. Expected multi-hot rows of "
                f"zeros and ones, (examples, {num_classes}). "
                f"Received: y.shape={y.shape}, max(y)={np.max(y)}. "
                "Check `num_classes` and `multi_label`."
            )
    elif np.max(y) >= num_classes:
        raise ValueError(
            "`y` has a label out of range. Expected classes 0 to "
            f"{num_classes - 1}. Received: max(y)={np.max(y)}. "
            "Raise `num_classes` or mend the labels."
        )


def _length(value: Any) -> str:
    return f"length {len(value)}" if hasattr(value, "__len__") else "no length"
