"""Checks of flags that need no TensorFlow, so that a typo costs no time."""

import ast
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import gblend_keras as gb
from gblend_keras.data.sets import registry
from gblend_keras.runs import directory
from gblend_keras.utils import close_names


def check_recipe(recipe: gb.Recipe, data_dir: Path | None) -> None:
    """Raises unless the settings of `--set` and the place of the data fit.

    Args:
        recipe: With the settings of the command line.
        data_dir: Folder that holds the data sets' folders.

    Raises:
        ValueError: If a path is missing or nothing is there, or a method, an
            option of a method or the modality of a tower is unknown.
    """
    registry.check_place(recipe.data, data_dir)
    for method, options in recipe.methods.items():
        gb.methods.check_name("methods", method)
        for option in options:
            _check_known(f"methods.{method}", option, _options_of(method))
    for modality in recipe.towers if recipe.data.modalities else ():
        _check_known("towers", modality, recipe.data.modalities)


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


def check_all_methods(names: Sequence[str], recipe: gb.Recipe) -> None:
    """Raises unless `--methods` names some, each once, as `check_method` does.

    Raises:
        ValueError: If there is none, or one is unknown or named twice.
    """
    if not names or len(set(names)) < len(names):
        raise ValueError(
            "`methods` is empty or names one twice. Expected one or several, "
            f"each once. Received: methods={list(names)}. Correct the list."
        )
    for name in names:
        check_method("methods", name, recipe)


def check_model(path: str) -> None:
    """Raises unless a path is a finished run directory or a `.keras` file.

    Raises:
        ValueError: If nothing is there.
    """
    directory.model_file(path)


def check_source(source: str) -> None:
    """Raises unless a name is of the zoo, or a path holds a model.

    Raises:
        ValueError: If it is neither; close names of the zoo are listed.
    """
    if Path(source).exists():
        check_model(source)
    elif source not in gb.zoo.names():
        gb.zoo.entry(source)


def check_init_from(text: str, workdir: Path) -> None:
    """Raises unless there is something at each source of `--init_from`.

    A run that goes on from a checkpoint of its own needs none any more. How
    the text is divided is checked by `training.initial_weights.parse`.

    Raises:
        ValueError: If a source is no name of the zoo and no model.
    """
    if not text or (workdir / directory.CHECKPOINTS).exists():
        return
    for part in text.split(","):
        words = [word.strip() for word in part.split(":")]
        source = words[min(1, len(words) - 1)]
        if source:
            check_source(source)


def check_file(flag: str, path: str) -> None:
    """Raises unless there is a file.

    Raises:
        ValueError: If there is none.
    """
    _check_there(flag, path, Path(path).is_file(), "a file")


def check_folder(flag: str, path: str) -> None:
    """Raises unless there is a folder.

    Raises:
        ValueError: If there is none.
    """
    _check_there(flag, path, Path(path).is_dir(), "a folder")


def _check_there(flag: str, path: str, there: bool, what: str) -> None:
    if not there:
        raise ValueError(
            f"`{flag}` is not there: {path}. Expected {what}. "
            "Received: a path without one. Correct the path."
        )


def _check_known(where: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ValueError(
            f"`--set` has an unknown name after '{where}.'. Expected one of "
            f"{list(known)}. Received: {name}. "
            f"{close_names.did_you_mean(name, known)}Check the spelling."
        )


def _options_of(method: str) -> list[str]:
    """Returns the options of a method without importing its module.

    That module loads TensorFlow; its file says which parameters its function
    `method` has.
    """
    spec = importlib.util.find_spec(f"gblend_keras.methods.{method}")
    if spec is None or spec.origin is None:
        return []
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    return [
        argument.arg
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "method"
        for argument in (*node.args.args, *node.args.kwonlyargs)
    ]
