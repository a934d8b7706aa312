"""Settings of a recipe as the command line gives them."""

import dataclasses
import types
import typing
from typing import Any

from gblend_keras.config.checks import check_not_renamed
from gblend_keras.config.recipe import Recipe
from gblend_keras.config.towers import TowerConfig
from gblend_keras.utils import close_names

_SECTIONS = ("data", "clips", "towers", "train", "blend", "fusion", "methods")


def with_settings(recipe: Recipe, settings: list[str]) -> Recipe:
    """Returns the recipe with settings changed, as `--set` gives them.

    Args:
        recipe: Where to start from.
        settings: Each "section.key=value", "towers.MODALITY.key=value" or
            "methods.METHOD.key=value". A tuple's values are separated by
            commas.

    Raises:
        ValueError: If a setting has no "=", its key is unknown, or its value
            is not of the key's type.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> gb.config.with_settings(recipe, ["train.epochs=3"]).train.epochs
        3
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(
                "`--set` lacks a value. Expected key=value. "
                f"Received: --set {setting}. Write train.epochs=10, say."
            )
        recipe = _with_setting(recipe, key.strip(), text.strip())
    return recipe


def _with_setting(recipe: Recipe, key: str, text: str) -> Recipe:
    section, _, rest = key.partition(".")
    if section == "towers":
        modality, _, field = rest.partition(".")
        check_not_renamed([field])
        tower = recipe.towers.get(modality, TowerConfig())
        towers = {**recipe.towers, modality: _changed(tower, field, text, key)}
        return dataclasses.replace(recipe, towers=towers)
    if section == "methods":
        name, _, option = rest.partition(".")
        value = {option: _parsed(text, float, key)}
        changed = {**recipe.methods.get(name, {}), **value}
        return dataclasses.replace(
            recipe, methods={**recipe.methods, name: changed}
        )
    if section == "clips":
        clips = _changed(recipe.data.clips, rest, text, key)
        data = dataclasses.replace(recipe.data, clips=clips)
        return dataclasses.replace(recipe, data=data)
    if section not in ("data", "train", "blend", "fusion"):
        raise ValueError(
            "`--set` has an unknown key. Expected data.*, clips.*, "
            "towers.MODALITY.*, train.*, blend.*, fusion.* or "
            f"methods.METHOD.*. Received: {key}. "
            f"{close_names.did_you_mean(section, _SECTIONS)}"
            "See the recipe.json of a run for all keys."
        )
    part = _changed(getattr(recipe, section), rest, text, key)
    return dataclasses.replace(recipe, **{section: part})


def _changed(part: Any, field: str, text: str, key: str) -> Any:
    hints = typing.get_type_hints(type(part))
    if field not in hints:
        raise ValueError(
            f"`--set` has an unknown key. Expected one of {sorted(hints)} "
            f"after '{key.removesuffix(field)}'. Received: {key}. "
            f"{close_names.did_you_mean(field, hints)}Check the spelling."
        )
    return dataclasses.replace(
        part, **{field: _parsed(text, hints[field], key)}
    )


def _parsed(text: str, hint: Any, key: str) -> Any:
    try:
        if typing.get_origin(hint) is tuple:
            kind = typing.get_args(hint)[0]
            return tuple(kind(each) for each in text.split(",") if each.strip())
        if hint is bool:
            return {"true": True, "false": False}[text.lower()]
        if hint in (int, float, str):
            return hint(text)
        return text  # a Literal: checked by the dataclass
    except (ValueError, KeyError) as error:
        name = hint.__name__ if isinstance(hint, type) else str(hint)
        if isinstance(hint, types.GenericAlias):
            name = str(hint)
        raise ValueError(
            f"`--set {key}` has a value of a wrong type. Expected {name}. "
            f"Received: {text!r}. Correct the value."
        ) from error
