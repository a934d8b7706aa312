"""The recipes by name: every other file of this folder."""

import importlib
import pkgutil
from pathlib import Path

from gblend_keras import config
from gblend_keras.utils import close_names

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Returns the names of all recipes, sorted.

    Example:
        >>> import gblend_keras as gb
        >>> "digits" in gb.recipes.names()
        True
    """
    found = {module.name for module in pkgutil.iter_modules([str(FOLDER)])}
    return sorted(name for name in found - {"registry"} if name[0] != "_")


def get(name: str) -> config.Recipe:
    """Returns a recipe by name.

    Raises:
        ValueError: If there is no such recipe; close names are listed.

    Example:
        >>> import gblend_keras as gb
        >>> list(gb.recipes.get("utd_mhad").towers)
        ['depth', 'skeleton', 'inertial']
    """
    if name not in names():
        every = f"Did you mean {' or '.join(names())}?"
        advice = close_names.did_you_mean(name, names()).strip() or every
        raise ValueError(
            f"`recipe` is unknown. Expected one of {names()}. "
            f"Received: recipe={name!r}. {advice}"
        )
    module = importlib.import_module(f"{__package__}.{name}")
    recipe: config.Recipe = module.recipe()
    return recipe
