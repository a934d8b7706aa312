"""What every fusion takes and gives, and the cutting of towers for it."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import keras
from keras import layers
from keras import ops

from gblend_keras.towers import stages

Stage = str | Mapping[str, str] | None


@dataclasses.dataclass(frozen=True)
class TowerCalls:
    """The towers of a network and the inputs that they read.

    Attributes:
        towers: `{modality: tower}`.
        inputs: `{modality: (batch, ...)}`, symbolic, in the same order.
    """

    towers: Mapping[str, keras.Model]
    inputs: Mapping[str, Any]

    def features(self) -> dict[str, Any]:
        """Returns the feature vector of every tower, `(batch, features)`."""
        return {
            modality: tower(self.inputs[modality])
            for modality, tower in self.towers.items()
        }


@dataclasses.dataclass(frozen=True)
class JointHead:
    """Settings of the joint head, which all fusions share.

    Attributes:
        num_classes: Size of its output.
        hidden_units: Units of its hidden layers. None: as many as the widest
            tower has features, unless the fusion says otherwise.
        dropout: Share of the fused features dropped in training.
    """

    num_classes: int
    hidden_units: int | None = None
    dropout: float = 0.0

    def units(self, features: Mapping[str, Any]) -> int:
        """Returns the units of the hidden layers over these features."""
        return self.hidden_units or max(
            int(feature.shape[-1]) for feature in features.values()
        )


class Fused(NamedTuple):
    """What a fusion gives.

    Attributes:
        features: `{modality: (batch, features)}`, what each modality's own
            head reads.
        fused: `(batch, features)`, what the joint head reads.
        num_hidden: Hidden layers of the joint head; 2 in the paper.
    """

    features: dict[str, Any]
    fused: Any
    num_hidden: int = 2

    def joint_logits(self, joint: JointHead) -> Any:
        """Returns the logits of the joint head, `(batch, num_classes)`."""
        x = self.fused
        if joint.dropout:
            x = layers.Dropout(joint.dropout, name="joint_dropout")(x)
        for index in range(1, self.num_hidden + 1):
            x = layers.Dense(
                joint.units(self.features),
                activation="relu",
                name=f"joint_hidden_{index}",
            )(x)
        return layers.Dense(
            joint.num_classes, dtype="float32", name="joint_head"
        )(x)


class CutTower(NamedTuple):
    """A tower that stands open at one stage.

    Attributes:
        map: Output of the stage, `(batch, ..., channels)`.
        resume: Function from a map of the same shape to the feature vector,
            with the tower's own layers.
        tower: The whole tower.
        stage: Where it is cut.
    """

    map: Any
    resume: Callable[[Any], Any]
    tower: keras.Model
    stage: str


def check_several(calls: TowerCalls, fusion: str) -> None:
    """Raises unless there are modalities that can exchange something."""
    if len(calls.towers) < 2:
        raise ValueError(
            f"`towers` has too few modalities for fusion '{fusion}'. Expected "
            f"at least 2. Received: towers={list(calls.towers)}. "
            "Use fusion='concat' for one."
        )


def check_count(name: str, value: object, low: int = 1) -> None:
    """Raises unless `value` is an integer >= `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(
            f"`{name}` is out of range. Expected an integer >= {low}. "
            f"Received: {name}={value!r}. Choose a larger one."
        )


def check_modality(name: str, value: str, calls: TowerCalls) -> None:
    """Raises unless `value` is a modality."""
    if value not in calls.towers:
        raise ValueError(
            f"`{name}` is not a modality. Expected one of "
            f"{list(calls.towers)}. Received: {name}={value!r}. "
            "Choose one of these."
        )


def check_sizes(cut: CutTower) -> None:
    """Raises unless all sizes of the map are known."""
    if None in cut.map.shape[1:]:
        raise ValueError(
            f"Stage '{cut.stage}' of tower '{cut.tower.name}' has a map of "
            "unknown size. Expected all axes but the batch to be known. "
            f"Received: {cut.map.shape}. Fix the tower's `input_shape`."
        )


def cut_towers(
    calls: TowerCalls, stage: Stage = None, *, from_end: int = 2
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
        resume = _resume(upper, inputs)
        cuts[modality] = CutTower(lower(inputs), resume, tower, where)
    return cuts


def pooled(x: Any) -> Any:
    """Returns the mean over all positions of a map, `(batch, channels)`."""
    axes = tuple(range(1, len(x.shape) - 1))
    return ops.mean(x, axis=axes) if axes else x


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


def concatenated(tensors: list[Any], *, name: str, axis: int = -1) -> Any:
    """Returns the tensors side by side; a single one as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return layers.Concatenate(axis=axis, name=name)(tensors)


def _halves(tower: keras.Model, stage: str) -> tuple[keras.Model, keras.Model]:
    """Cuts a tower in two; the upper half may read the tower's input too.

    A tower of sequences reads the padding from its input, in every block:
    that passes the stage by, but no variable has touched it.
    """
    try:
        return stages.split_tower(tower, stage)
    except ValueError as error:
        if error.__cause__ is None:  # no such stage
            raise
        cut, source = stages.stage_outputs(tower)[stage], tower.inputs[0]
        below = keras.Function(source, cut)
        above = keras.Function([cut, source], tower.outputs[0])
        inputs = keras.Input(source.shape[1:], dtype=source.dtype, name="input")
        lower = keras.Model(
            inputs, below.call(inputs), name=f"{tower.name}_lower"
        )
        pair = [
            keras.Input(cut.shape[1:], dtype=cut.dtype, name="map"),
            keras.Input(source.shape[1:], dtype=source.dtype, name="input"),
        ]
        upper = keras.Model(pair, above.call(pair), name=f"{tower.name}_upper")
        lower_variables = {id(variable) for variable in lower.variables}
        if lower_variables & {id(variable) for variable in upper.variables}:
            raise
        return lower, upper


def _resume(upper: keras.Model, inputs: Any) -> Callable[[Any], Any]:
    def resume(x: Any) -> Any:
        return upper([x, inputs] if len(upper.inputs) == 2 else x)

    return resume
