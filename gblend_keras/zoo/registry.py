"""The entries of the zoo by name: listed, described, loaded."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from gblend_keras import config
from gblend_keras.zoo import _fetcher
from gblend_keras.zoo import catalog

if TYPE_CHECKING:
    import keras

    from gblend_keras.runs.loader import FinishedRun


def names() -> list[str]:
    """Returns the names of all entries, sorted.

    Example:
        >>> import gblend_keras as gb
        >>> "digits_online" in gb.zoo.names()
        True
    """
    return sorted(catalog.folders())


def entry(name: str) -> catalog.Entry:
    """Returns what the zoo knows of an entry.

    Raises:
        ValueError: If there is none of this name (close ones are listed), or
            its files are damaged.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.entry("digits_online").class_names[:2]
        ('zero', 'one')
    """
    return catalog.find(name)


def card(name: str) -> str:
    """Returns an entry's card: Markdown for people.

    Raises:
        ValueError: As `entry`.

    Example:
        >>> import gblend_keras as gb
        >>> print(gb.zoo.card("digits_online").splitlines()[0])
        # digits_online
    """
    return catalog.card(name)


def recipe(name: str) -> config.Recipe:
    """Returns the recipe that a trained entry was trained with.

    Raises:
        ValueError: As `entry`, or if the entry was not trained by a recipe.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.recipe("digits_online").name
        'digits'
    """
    return catalog.recipe(catalog.find(name))


def path(name: str) -> Path:
    """Returns the file with an entry's weights, fetched and checked.

    Raises:
        ValueError: As `entry`; or if the weights cannot be had, or differ
            from what the entry says.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.path("digits_online").name
        'weights.npz'
    """
    return _fetcher.weights_path(catalog.find(name))


def load(name: str, *, head: str | None = None) -> Any:
    """Loads an entry.

    Args:
        name: One of `names()`.
        head: None for the whole network. A modality's name for one tower with
            its classifier; "joint" for what the joint head needs.

    Returns:
        Without `head` a compiled `ZooModel`: a `BlendedModel` with
        `class_names`, `inputs_about` and `preprocess`. With it, a functional
        model `{modality: input} -> {head: logits}`.

    Raises:
        ValueError: As `path`, or if there is no such head.
        ImportError: If a Hub entry is asked for and tensorflow-hub is
            missing.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> model.head_names
        ['image', 'sound', 'joint']
    """
    return _loading().load(catalog.find(name), head=head)


def tower(
    name: str, modality: str, *, trainable: bool = True, new_name: str = ""
) -> "keras.Model":
    """Loads one tower of an entry: a feature extractor.

    Args:
        name: One of `names()`.
        modality: Which tower.
        trainable: Whether its weights may be trained.
        new_name: The model's name; "" for `<modality>_tower`. Layers keep
            theirs.

    Returns:
        A functional model `(batch, ...) -> (batch, features)`.

    Raises:
        ValueError: As `path`, or if there is no such tower.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.tower("digits_online", "image").name
        'image_tower'
    """
    model: keras.Model = _loading().tower(
        catalog.find(name), modality, trainable=trainable, new_name=new_name
    )
    return model


def load_run(name: str) -> "FinishedRun":
    """Loads a trained entry as a run, to predict with and to evaluate.

    Raises:
        ValueError: As `path`, or if the entry was not trained by a recipe.

    Example:
        >>> import gblend_keras as gb
        >>> run = gb.zoo.load_run("digits_online")
        >>> run.recipe.name, len(run.class_names)
        ('digits', 10)
    """
    run: FinishedRun = _loading().load_run(catalog.find(name))
    return run


def published(name: str) -> Mapping[str, float]:
    """Returns the accuracies that others published for an entry.

    Empty where there are none. Nobody measured them here.

    Raises:
        ValueError: As `entry`.

    Example:
        >>> import gblend_keras as gb
        >>> dict(gb.zoo.published("digits_online"))
        {}
    """
    return catalog.find(name).published


def _loading() -> Any:
    # Here, so that listing is quick: it imports TensorFlow.
    return importlib.import_module("gblend_keras.zoo.loader")
