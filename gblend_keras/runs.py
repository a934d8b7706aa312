"""A finished run directory -> its recipe and its model."""

import dataclasses
import json
from pathlib import Path

import keras

from gblend_keras import config
from gblend_keras import reporting
from gblend_keras.blending.model import BlendedModel


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a finished run left behind.

    Attributes:
        recipe: What was trained.
        model: The trained model.
        class_names: One name a class, in the order of the labels.
        seed: The run's seed.
    """

    recipe: config.Recipe
    model: BlendedModel
    class_names: tuple[str, ...]
    seed: int


def load_run(run_dir: str | Path) -> FinishedRun:
    """Loads a finished run.

    Args:
        run_dir: A run directory of `tools/train.py`.

    Raises:
        ValueError: If it is no run directory, the run is not finished, or a
            file is damaged.
    """
    folder = Path(run_dir)
    for name in ("recipe.json", "model.keras", "summary.json"):
        if not (folder / name).is_file():
            raise ValueError(
                f"`run_dir` holds no finished run: {folder}. Expected "
                f"{name} in it. Received: a folder without. "
                "Give the --workdir of a run that has ended."
            )
    try:
        identity = json.loads((folder / "recipe.json").read_text("utf-8"))
        summary = reporting.read_summary(folder)
        return FinishedRun(
            recipe=config.Recipe.from_json(identity["recipe"]),
            model=keras.models.load_model(folder / "model.keras"),
            class_names=tuple(summary["class_names"]),
            seed=int(summary["seed"]),
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"{folder} cannot be loaded. Expected a run of this version. "
            f"Received: {type(error).__name__}: {error}. Train it again."
        ) from error
