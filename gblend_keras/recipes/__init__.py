"""Recipes: one Python module each, with a function `recipe`.

Add a recipe by adding a file. This package loads no TensorFlow.
"""

import difflib
import importlib
import pkgutil

from gblend_keras import config


def names() -> list[str]:
    """Returns the names of all recipes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> config.Recipe:
    """Returns a recipe by name.

    Raises:
        ValueError: If there is no such recipe; close names are listed.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=3) or names()
        raise ValueError(
            f"`recipe` is unknown. Expected one of {names()}. "
            f"Received: recipe={name!r}. Did you mean {' or '.join(close)}?"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    recipe: config.Recipe = module.recipe()
    return recipe
