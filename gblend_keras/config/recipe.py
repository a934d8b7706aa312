"""A recipe: all sections together, and from and to plain values."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from gblend_keras.config.blend import BLEND_BEFORE
from gblend_keras.config.blend import BlendConfig
from gblend_keras.config.checks import RENAMED
from gblend_keras.config.data import DataConfig
from gblend_keras.config.fusion import FusionConfig
from gblend_keras.config.towers import STANDARDIZE_BEFORE
from gblend_keras.config.towers import TowerConfig
from gblend_keras.config.train import TRAIN_BEFORE
from gblend_keras.config.train import TrainConfig

# Of a recipe as plain values; those without a version are of version 1.
# 2: "element" divides each feature by its own deviation.
RECIPE_VERSION = 2


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that a run is, but its seed, its folder and its method.

    Attributes:
        name: Name of the recipe.
        data: Where examples come from.
        towers: `{modality: tower}`; modalities without one get `TowerConfig`.
        train: How the network is trained.
        blend: How the blend is estimated.
        fusion: How towers are joined.
        methods: `{method: {option: value}}`, see `gblend_keras.methods`.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> recipe.train.epochs
        15
    """

    name: str
    data: DataConfig = DataConfig()
    towers: Mapping[str, TowerConfig] = dataclasses.field(default_factory=dict)
    train: TrainConfig = TrainConfig()
    blend: BlendConfig = BlendConfig()
    fusion: FusionConfig = FusionConfig()
    methods: Mapping[str, Mapping[str, float]] = dataclasses.field(
        default_factory=dict
    )

    def to_json(self) -> dict[str, Any]:
        """Returns the recipe as plain values, with their version."""
        return {"version": RECIPE_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that `to_json` described.

        Settings that the values lack, because an earlier version wrote them,
        get what that version did: their defaults, but for a few. Settings
        that have another name now are found under their old one, too, and
        values that once meant something else get the name of what they did.

        Raises:
            ValueError: If the version or a setting is unknown, or a value
                does not fit.
        """
        version = values.get("version", 1)
        if version not in range(1, RECIPE_VERSION + 1):
            raise ValueError(
                "The recipe is of a later version. Expected at most "
                f"{RECIPE_VERSION}. Received: version={version!r}. "
                "It was written by another version; use that one."
            )
        settings = {key: values[key] for key in values if key != "version"}
        blend = {**BLEND_BEFORE, **values.get("blend", {})}
        train = dict(values.get("train", {}))
        if not train.get("loss_scale"):  # else it is a number, in all versions
            train = {**TRAIN_BEFORE, **train}
        towers = {
            modality: {
                RENAMED.get(key, key): each for key, each in tower.items()
            }
            for modality, tower in values.get("towers", {}).items()
        }
        if version == 1:
            for tower in towers.values():
                scope = tower.get("standardize", "channel")
                tower["standardize"] = STANDARDIZE_BEFORE.get(scope, scope)
        recipe: Recipe = _from_plain(
            cls,
            {**settings, "blend": blend, "train": train, "towers": towers},
        )
        return recipe


def _from_plain(kind: Any, values: Mapping[str, Any]) -> Any:
    """Builds a dataclass out of plain values, and those inside it."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(
            "The recipe has unknown settings. Expected some of "
            f"{sorted(hints)}. Received: {unknown}. "
            "It was written by another version; use that one."
        )
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            value = _from_plain(hint, value)
        elif typing.get_origin(hint) is Mapping:
            part = typing.get_args(hint)[1]
            value = {
                key: _from_plain(part, each)
                if dataclasses.is_dataclass(part)
                else each
                for key, each in value.items()
            }
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return kind(**arguments)
