"""What the examples of docstrings read: arrays, videos, records and runs."""

import json

import numpy as np

import gblend_keras as gb
from gblend_keras import config
from gblend_keras.building import model_builder
from gblend_keras.data import npz
from gblend_keras.data.sets import registry
from tests.data import recorded
from tests.reporting import folders_of

HEADS = ("image", "sound", "joint")


def write_workplace(folder):
    """Writes what examples read: arrays, videos, records, runs.

    Finished runs are put together without training: it would take longer than
    all examples.
    """
    recorded.write(folder)  # labels.csv, videos/ and records/
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    arrays = {"sound": y[:, None] + rng.normal(size=(60, 6)), "y": y}
    arrays["pose"] = y[:, None] + rng.normal(size=(60, 4))
    npz.write_npz(folder / "mine.npz", arrays)
    for task in ("verbs", "nouns"):
        npz.write_npz(folder / task / "predictions.npz", _predictions())
    folders_of.write_comparison(folder / "comparison")
    _write_digits_run(folder / "run")
    _write_video_run(folder / "video_run", folder)


def _predictions():
    return {
        "y": np.array([0, 1]),
        "key": np.array(["P01_01_0", "P01_01_1"]),
        "probabilities_pool": np.array([[0.8, 0.2], [0.6, 0.4]]),
    }


def _write_digits_run(folder):
    folder.mkdir()
    model = gb.zoo.load("digits_online")
    model.save(folder / "model.keras")
    recipe = gb.zoo.recipe("digits_online").to_json()
    names = list(model.class_names)
    found = {
        "recipe": folders_of.identity(recipe=recipe),
        "summary": folders_of.summary(class_names=names),
        "blend_history": [folders_of.estimate(), folders_of.estimate(2)],
    }
    for name, value in found.items():
        text = json.dumps(value).replace('"rgb"', '"image"')
        (folder / f"{name}.json").write_text(text)
    folders_of.write_metrics(folder / "metrics.csv", HEADS)


def _write_video_run(folder, root):
    folder.mkdir()
    tower = config.TowerConfig(widths=(4, 4), standardize="none")
    recipe = config.Recipe(
        name="clips",
        data=recorded.data_config("videos", modalities=("rgb",)),
        towers={"rgb": tower},
    )
    splits = registry.load(recipe.data, data_dir=root)
    model = model_builder.build_model(recipe, splits)
    model.save(folder / "model.keras")
    names = list(splits.class_names)
    folders_of.write(
        folder / "recipe.json", folders_of.identity(recipe=recipe.to_json())
    )
    folders_of.write(
        folder / "summary.json", folders_of.summary(class_names=names)
    )
