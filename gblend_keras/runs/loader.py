"""A finished run directory -> its recipe and its model."""

import dataclasses
from pathlib import Path

import keras

from gblend_keras import config
from gblend_keras.blending.model import BlendedModel
from gblend_keras.runs import directory


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a finished run left behind.

    Attributes:
        recipe: What was trained.
        model: The trained model.
        class_names: One name a class, in the order of the labels.
        seed: The run's seed.

    Example:
        >>> import gblend_keras as gb
        >>> run = gb.runs.load_run("run")  # what `gblend train` left
        >>> run.seed, run.class_names[:2], list(run.model.network.input)
        (0, ('zero', 'one'), ['image', 'sound'])
    """

    recipe: config.Recipe
    model: BlendedModel
    class_names: tuple[str, ...]
    seed: int


def load_run(run_dir: str | Path) -> FinishedRun:
    """Loads a finished run.

    Args:
        run_dir: A run directory of `gblend train`.

    Raises:
        ValueError: If it is no run directory, the run is not finished, or a
            file is damaged.

    Example:
        >>> import gblend_keras as gb
        >>> run = gb.runs.load_run("run")  # what `gblend train` left
        >>> splits = gb.data.load(run.recipe.data, data_dir=None)
        >>> shares = run.model.predict(splits.test.take([0]).x, verbose=0)
        >>> shares["blend"].shape
        (1, 10)
    """
    folder = Path(run_dir)
    summary = directory.read_object(folder / directory.SUMMARY)
    stored = directory.read_identity(folder / directory.RECIPE)
    try:
        return FinishedRun(
            recipe=config.Recipe.from_json(stored["recipe"]),
            model=load_model(folder),
            class_names=tuple(summary["class_names"]),
            seed=int(summary["seed"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} cannot be loaded. Expected a run of this version. "
            f"Received: {type(error).__name__}: {error}. Train it again."
        ) from error


def load_model(path: str | Path) -> BlendedModel:
    """Loads the model of a run directory, or a `.keras` file.

    Raises:
        ValueError: If there is none, it cannot be read, or it is none of ours.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.runs.load_model("run")  # or "run/model.keras"
        >>> isinstance(model, gb.BlendedModel), model.num_classes
        (True, 10)
    """
    file = directory.model_file(path)
    try:
        model = keras.models.load_model(file)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be loaded. Expected a model that gblend_keras "
            f"saved. Received: {type(error).__name__}: {error}. "
            "Check that it was written by a version like this one."
        ) from error
    if not isinstance(model, BlendedModel):
        raise ValueError(
            f"{file} is no BlendedModel. Expected a model that gblend_keras "
            f"saved. Received: {type(model).__name__}. "
            "Wrap its network: BlendedModel(network)."
        )
    return model
