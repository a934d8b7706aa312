"""What every fusion takes and gives."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import keras
from keras import layers


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


def concatenated(tensors: list[Any], *, name: str, axis: int = -1) -> Any:
    """Returns the tensors side by side; a single one as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return layers.Concatenate(axis=axis, name=name)(tensors)
