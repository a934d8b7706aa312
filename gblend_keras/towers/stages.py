"""Stages: the named places where a tower can be cut, for mid-level fusion.

A tower offers a stage by having a layer named `<stage>_output`, whose output
is everything that the rest of the tower reads. All towers of this package do.
A tower of your own does with one line where a stage ends:

    x = keras.layers.Identity(name="middle_output")(x)

A tower of padded sequences may also have a layer named `padding_mask`, whose
output `(batch, positions)` says which positions are real.
"""

from typing import Any

import keras

SUFFIX = "_output"
PADDING_MASK = "padding_mask"


def stage_outputs(tower: keras.Model) -> dict[str, Any]:
    """Returns the output of every stage of a tower, first stage first.

    Args:
        tower: A functional model from one input to a feature vector, with
            layers named `<stage>_output`.

    Returns:
        `{stage: KerasTensor}`; the names are without `_output`.

    Raises:
        ValueError: If the model is not functional or names no stage.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_conv2d((32, 32, 3), name="tower", widths=(8, 16))
        >>> list(gb.stage_outputs(tower))
        ['stage_0', 'stage_1']
    """
    layers = getattr(tower, "layers", [])
    outputs = {
        layer.name.removesuffix(SUFFIX): layer.output
        for layer in layers
        if layer.name.endswith(SUFFIX) and layer.name != SUFFIX
    }
    if not outputs or not isinstance(getattr(tower, "inputs", None), list):
        raise ValueError(
            f"Tower '{tower.name}' names no stage. Expected a functional "
            f"model with layers named `<stage>{SUFFIX}`. Received: layers="
            f"{[layer.name for layer in layers[:8]]}. End each stage with "
            f'`keras.layers.Identity(name="<stage>{SUFFIX}")`.'
        )
    return outputs


def padding_mask(tower: keras.Model) -> Any:
    """Returns the padding mask of a tower, `(batch, positions)`, or None.

    Args:
        tower: A functional model from one input to a feature vector.
    """
    for layer in tower.layers:
        if layer.name == PADDING_MASK:
            return layer.output
    return None


def split_tower(
    tower: keras.Model, stage: str
) -> tuple[keras.Model, keras.Model]:
    """Cuts a tower at a stage into two models, which share its layers.

    `upper(lower(x))` computes exactly what `tower(x)` does.

    Args:
        tower: A tower that names its stages.
        stage: One of `stage_outputs(tower)`.

    Returns:
        `lower`, from the input to the stage, and `upper`, from the stage to
        the feature vector.

    Raises:
        ValueError: If the tower has no such stage, or reads something from
            below the stage above it, so that it cannot be cut there.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_pointnet((1024, 3), num_features=256)
        >>> lower, upper = gb.split_tower(tower, "low")
        >>> lower.output_shape
        (None, 1024, 64)
        >>> upper.output_shape
        (None, 256)
    """
    outputs = stage_outputs(tower)
    if stage not in outputs:
        raise ValueError(
            f"Tower '{tower.name}' has no stage '{stage}'. Expected one of "
            f"{', '.join(outputs)}. Received: stage={stage}. "
            "Choose one of these."
        )
    cut = outputs[stage]
    lower = keras.Model(tower.inputs[0], cut, name=f"{tower.name}_lower")
    try:
        upper = keras.Model(cut, tower.outputs[0], name=f"{tower.name}_upper")
    except ValueError as error:
        raise ValueError(
            f"Tower '{tower.name}' cannot be cut at stage '{stage}'. Expected "
            f"a stage through which everything passes. Received: {error}. "
            "Name a layer after which the tower reads nothing older."
        ) from error
    return lower, upper


def upper_like(
    tower: keras.Model,
    stage: str,
    input_shape: tuple[int | None, ...],
    *,
    name: str,
) -> keras.Model:
    """Builds what follows a stage anew, with fresh weights, for another input.

    This is what mid-level fusion continues with: the map may have more
    channels than the stage has, as concatenated maps do.

    Args:
        tower: A tower that names its stages.
        stage: One of `stage_outputs(tower)`.
        input_shape: Of the map that enters, without the batch axis. Same rank
            as the stage's.
        name: Model name.

    Returns:
        A functional model from the map to a feature vector. It shares nothing
        with the tower.

    Raises:
        ValueError: If the tower has no such stage, or its layers do not take
            a map of this shape.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_pointnet((1024, 3), num_features=256)
        >>> upper = gb.upper_like(tower, "low", (1024, 96), name="joint_upper")
        >>> upper.input_shape
        (None, 1024, 96)
        >>> upper.output_shape
        (None, 256)
    """
    _, upper = split_tower(tower, stage)
    try:
        with keras.name_scope(name):
            inputs = keras.Input(input_shape, name="map")
            fresh = keras.models.clone_model(upper, input_tensors=inputs)
            return keras.Model(inputs, fresh.outputs[0], name=name)
    except ValueError as error:
        received = upper.inputs[0].shape[1:]
        raise ValueError(
            f"What follows stage '{stage}' of tower '{tower.name}' does not "
            f"take this map. Expected a shape like {received}, perhaps with "
            f"more channels. Received: input_shape={input_shape} ({error}). "
            "Cut where the next layer takes any number of channels."
        ) from error
