"""Towers cut open at a stage, for fusions that join them there."""

import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import keras
from keras import ops

from gblend_keras.fusion import _parts
from gblend_keras.towers import stages

Stage = str | Mapping[str, str] | None


class CutTower(NamedTuple):
    """A tower that stands open at one stage.

    Attributes:
        map: Output of the stage, `(batch, ..., channels)`.
        resume: Function from a map of the same shape to the feature vector,
            with the tower's own layers.
        tower: The whole tower.
        stage: Where it is cut.
        mask: `(batch, positions)`, true where a position is real; None where
            all are.
    """

    map: Any
    resume: Callable[[Any], Any]
    tower: keras.Model
    stage: str
    mask: Any = None


def check_sizes(cut: CutTower) -> None:
    """Raises unless all sizes of the map are known."""
    if None in cut.map.shape[1:]:
        raise ValueError(
            f"Stage '{cut.stage}' of tower '{cut.tower.name}' has a map of "
            "unknown size. Expected all axes but the batch to be known. "
            f"Received: {cut.map.shape}. Fix the tower's `input_shape`."
        )


def cut_towers(
    calls: _parts.TowerCalls, stage: Stage = None, *, from_end: int = 2
) -> dict[str, CutTower]:
    """Cuts every tower at a stage.

    Args:
        calls: Towers that name their stages (see `towers.stages`).
        stage: A stage that every tower has; or `{modality: stage}`. None: the
            stage of each tower that `from_end` says.
        from_end: 1 for the last stage, 2 for the last but one. A tower with
            fewer stages is cut at its first.

    Returns:
        `{modality: cut tower}`.

    Raises:
        ValueError: If a tower names no stage, has no such stage, or cannot
            be cut there; or `stage` does not name every modality.
    """
    if isinstance(stage, Mapping) and set(stage) != set(calls.towers):
        raise ValueError(
            "`stage` does not fit the modalities. Expected a stage for each "
            f"of {list(calls.towers)}. Received: stage={dict(stage)}. "
            "Name each modality once, or give one stage for all."
        )
    halves: dict[tuple[int, str], tuple[keras.Model, keras.Model]] = {}
    cuts = {}
    for modality, tower in calls.towers.items():
        where = stage[modality] if isinstance(stage, Mapping) else stage
        if where is None:
            where = list(stages.stage_outputs(tower))[-from_end:][0]
        key = (id(tower), where)  # one tower may serve several modalities
        if key not in halves:
            halves[key] = _halves(tower, where)
        lower, upper = halves[key]
        inputs = calls.inputs[modality]
        below = lower(inputs)
        x, mask = below if isinstance(below, list | tuple) else (below, None)
        resume = _resume(upper, inputs if mask is None else mask)
        if mask is not None and mask.shape != x.shape[:-1]:
            mask = None  # it counts other positions
        cuts[modality] = CutTower(x, resume, tower, where, mask)
    return cuts


def pooled(cut: CutTower) -> Any:
    """Returns the mean over all real positions, `(batch, channels)`."""
    x = cut.map
    if cut.mask is None:
        axes = tuple(range(1, len(x.shape) - 1))
        return ops.mean(x, axis=axes) if axes else x
    real = ops.expand_dims(ops.cast(cut.mask, x.dtype), -1)
    count = ops.maximum(ops.sum(real, axis=1), 1)  # padding alone: 0 / 1
    return ops.sum(x * real, axis=1) / count


def real_positions(cut: CutTower) -> Any:
    """Returns the mask of `positions(cut)`, all true where there is none."""
    if cut.mask is not None:
        return cut.mask
    return ops.ones_like(positions(cut)[..., 0], dtype="bool")


def positions(cut: CutTower) -> Any:
    """Returns the map as a sequence `(batch, positions, channels)`.

    Raises:
        ValueError: If it is a vector, or its sizes are not known.
    """
    check_sizes(cut)
    sizes = cut.map.shape[1:]
    if len(sizes) == 1:
        raise ValueError(
            f"Stage '{cut.stage}' of tower '{cut.tower.name}' is a vector. "
            "Expected (batch, ..., channels) with at least one inner axis. "
            f"Received: {cut.map.shape}. Choose an earlier stage."
        )
    if len(sizes) == 2:
        return cut.map
    return ops.reshape(cut.map, (-1, math.prod(sizes[:-1]), sizes[-1]))


def like_map(sequence: Any, cut: CutTower) -> Any:
    """Returns a sequence of the map's positions in the map's shape."""
    if len(cut.map.shape) == 3:
        return sequence
    return ops.reshape(sequence, (-1, *cut.map.shape[1:]))


def _halves(tower: keras.Model, stage: str) -> tuple[keras.Model, keras.Model]:
    """Cuts a tower in two; the lower half gives the padding mask as well.

    A tower of sequences reads its mask, or its input, in every block: that
    passes the stage by, but no variable has touched it. The halves share no
    layer, or Keras could not load them again.
    """
    source, mask = tower.inputs[0], stages.padding_mask(tower)
    try:
        lower, upper = stages.split_tower(tower, stage)
    except ValueError as error:
        if error.__cause__ is None:  # no such stage
            raise
        cut = stages.stage_outputs(tower)[stage]
        past = source if mask is None else mask
        name = f"{tower.name}_upper"
        try:
            upper = _rebuilt([cut, past], tower.outputs[0], name=name)
        except ValueError:
            raise error from error.__cause__
        lower = _rebuilt([source], cut, name=f"{tower.name}_lower")
        lower_variables = {id(variable) for variable in lower.variables}
        if lower_variables & {id(variable) for variable in upper.variables}:
            raise
    if mask is not None:
        both = [stages.stage_outputs(tower)[stage], mask]
        lower = _rebuilt([source], both, name=f"{tower.name}_lower")
    return lower, upper


def _rebuilt(inputs: list[Any], outputs: Any, *, name: str) -> keras.Model:
    """Returns the part of a tower between tensors, with the same layers."""
    # `keras.Model` itself would do, but it spoils a tower's own graph where
    # the tower's input is among others.
    part = keras.Function(inputs, outputs)
    fresh = [
        keras.Input(each.shape[1:], dtype=each.dtype, name=f"input_{index}")
        for index, each in enumerate(inputs)
    ]
    return keras.Model(fresh, part.call(fresh), name=name)


def _resume(upper: keras.Model, past: Any) -> Callable[[Any], Any]:
    def resume(x: Any) -> Any:
        return upper([x, past] if len(upper.inputs) == 2 else x)

    return resume
