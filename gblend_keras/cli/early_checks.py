"""Checks of flags that need no TensorFlow, so that a typo costs no time."""

from collections.abc import Sequence
from pathlib import Path

import gblend_keras as gb
from gblend_keras.data.sets import registry
from gblend_keras.runs import directory


def check_method(flag: str, name: str, recipe: gb.Recipe) -> None:
    """Raises unless a method or a modality has this name.

    A recipe that does not name its modalities takes those of its data, which
    are not read yet: any further name may be one of them, unless it is close
    to the name of a method.

    Args:
        flag: Of the command line, to be named in the sentence.
        name: What was given.
        recipe: What is to be trained.

    Raises:
        ValueError: If there is none.
    """
    known = recipe.data.modalities
    gb.methods.check_name(flag, name, known, complete=bool(known))


def check_data(recipe: gb.Recipe, data_dir: Path | None) -> None:
    """Raises unless the place of the recipe's data is there.

    Raises:
        ValueError: If a path is missing, or nothing is there.
    """
    registry.check_place(recipe.data, data_dir)


def check_model(path: str) -> None:
    """Raises unless a path is a finished run directory or a `.keras` file.

    Raises:
        ValueError: If nothing is there.
    """
    directory.model_file(path)


def check_source(source: str) -> None:
    """Raises unless a name is of the zoo, or a path holds a model.

    Raises:
        ValueError: If it is neither.
    """
    if source not in gb.zoo.names() and not Path(source).exists():
        gb.zoo.entry(source)


def check_all_methods(names: Sequence[str], recipe: gb.Recipe) -> None:
    """Checks each of `--methods`, as `check_method` does."""
    for name in names:
        check_method("methods", name, recipe)
