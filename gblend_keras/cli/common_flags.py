"""The flags that several commands have, each defined once."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import early_checks


def new_flags() -> flags.FlagValues:
    """Returns an empty set of flags; words may stand between them."""
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    return values


def recipe(
    values: flags.FlagValues, default: str | None, about: str
) -> flags.FlagHolder[str | None]:
    """Defines `--recipe`.

    Args:
        values: Flags of the command.
        default: Name of a recipe, or None.
        about: What the recipe is for.
    """
    names = ", ".join(gb.recipes.names())
    return flags.DEFINE_string(
        "recipe", default, f"{about} One of: {names}.", flag_values=values
    )


def data_dir(values: flags.FlagValues) -> flags.FlagHolder[str | None]:
    """Defines `--data_dir`."""
    return flags.DEFINE_string(
        "data_dir",
        None,
        "Folder that holds the data sets' folders.",
        flag_values=values,
    )


def settings(
    values: flags.FlagValues, about: str = "Changes a setting of the recipe"
) -> flags.FlagHolder[list[str]]:
    """Defines `--set`, which may be given several times."""
    return flags.DEFINE_multi_string(
        "set",
        [],
        f"{about}: section.key=value. May be repeated.",
        flag_values=values,
    )


def deterministic(values: flags.FlagValues) -> flags.FlagHolder[bool]:
    """Defines `--deterministic`."""
    return flags.DEFINE_bool(
        "deterministic",
        False,
        "Bit-for-bit repeatable operations; slower.",
        flag_values=values,
    )


def folder(values: flags.FlagValues, name: str = "data_dir") -> Path | None:
    """Returns the folder that a flag names, or None where it was not given.

    Raises:
        ValueError: If there is no such folder.
    """
    text = values[name].value
    if not text:
        return None
    early_checks.check_folder(name, text)
    return Path(text)


def changed_recipe(name: str, changes: Sequence[str]) -> gb.Recipe:
    """Returns the recipe with the settings of `--set`.

    Raises:
        ValueError: If there is no such recipe or setting.
    """
    return gb.config.with_settings(gb.recipes.get(name), list(changes))
