"""A finished run -> an entry of the zoo."""

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gblend_keras.answers import calibration
from gblend_keras.blending.estimate import read_history
from gblend_keras.callbacks import metrics_log
from gblend_keras.heads import answers_of
from gblend_keras.runs import directory
from gblend_keras.runs.loader import FinishedRun
from gblend_keras.runs.loader import load_run
from gblend_keras.utils import files
from gblend_keras.zoo import _weights
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog
from gblend_keras.zoo import loader

TOLERANCE = 0.005  # of an accuracy: other hardware rounds otherwise
_ABOUT = ("task", "data", "licence", "use", "limits", "citation")
_KEPT = ("recipe", "seed", "blend", "versions")  # of a run's recipe.json
_PARITY = 1e-4  # of logits, relative to the largest


@dataclasses.dataclass(frozen=True)
class Description:
    """What a run does not know about itself.

    Attributes:
        name: Of the entry.
        title: One line.
        about: `{heading: prose}`, with task, data, licence, use, limits and
            citation.
        inputs: `{modality: unit, range and meaning}`.
        command: By which the run is repeated.

    Raises:
        ValueError: If the name or a heading does not fit.
    """

    name: str
    title: str
    about: Mapping[str, str]
    inputs: Mapping[str, str]
    command: str

    def __post_init__(self) -> None:
        catalog.check_name(self.name)
        if set(self.about) != set(_ABOUT):
            raise ValueError(
                "`about` has other headings. Expected "
                f"{list(_ABOUT)}. Received: {list(self.about)}. "
                "Say each of them; others rely on it."
            )


def read_description(path: Path) -> Description:
    """Reads a description from a JSON file.

    Raises:
        ValueError: If it cannot be read, or lacks a field.
    """
    values = catalog.read_json(path)
    try:
        return Description(**values)
    except TypeError as error:
        raise ValueError(
            f"{path} is no description. Expected name, title, about, inputs "
            f"and command. Received: {error}. See docs/zoo.md."
        ) from error


def add(
    run_dir: Path,
    described: Description,
    *,
    place: Path,
    repeats: Sequence[Path] = (),
) -> Path:
    """Adds a finished run to a zoo.

    The entry is built again from what is written and compared with the run's
    model before it counts.

    Args:
        run_dir: The run whose weights are taken.
        described: What the run does not know.
        place: Folder of entries.
        repeats: Runs of the same recipe and method with other seeds, for the
            spread.

    Returns:
        The entry's folder.

    Raises:
        ValueError: If a run is not finished, the repeats are of another
            recipe, or the network cannot be built from its recipe alone.
    """
    run = load_run(run_dir)
    training = directory.read_object(run_dir / directory.RECIPE)
    pool = calibration.to_json(run.model.pool.rows(), run.model.head_names)
    measured = _metrics([run_dir, *repeats]) | {"pool": pool}
    with files.partial_folder(place) as beside:
        folder = beside / described.name
        _weights.save(run.model.network, folder / catalog.WEIGHTS)
        kept = {key: training[key] for key in _KEPT}
        files.write_json(
            folder / catalog.RECIPE, kept | {"command": described.command}
        )
        files.write_json(folder / catalog.METRICS, measured)
        entry = _entry(folder, run, described)
        _check_rebuilt(entry, run, str(training["blend"]))
        files.write_json(folder / catalog.ENTRY, catalog.to_json(entry))
        seal(folder)
        shutil.rmtree(place / described.name, ignore_errors=True)
        folder.rename(place / described.name)
    return place / described.name


def seal(folder: Path) -> None:
    """Writes the card and the checksums of an entry."""
    entry = catalog.read(folder)
    files.write_text(folder / catalog.CARD, cards.render(entry))
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.name != catalog.SUMS and not path.name.startswith(".")
    )
    files.write_text(
        folder / catalog.SUMS,
        "".join(f"{catalog.sha256(folder / name)}  {name}\n" for name in names),
    )


def _entry(
    folder: Path, run: FinishedRun, described: Description
) -> catalog.Entry:
    path = folder / catalog.WEIGHTS
    shapes = {
        modality: tuple(tensor.shape[1:])
        for modality, tensor in run.model.network.input.items()
    }
    if set(described.inputs) != set(shapes):
        raise ValueError(
            "`inputs` does not name the modalities. Expected "
            f"{list(shapes)}. Received: {list(described.inputs)}. "
            "Describe each of them."
        )
    from_videos = run.recipe.data.dataset in ("records", "videos")
    return catalog.Entry(
        name=described.name,
        folder=folder,
        kind="trained",
        title=described.title,
        about=described.about,
        inputs={
            modality: catalog.Input(shape, described.inputs[modality])
            for modality, shape in shapes.items()
        },
        num_classes=run.model.num_classes,
        class_names=run.class_names,
        multi_label=run.model.multi_label,
        clips=run.recipe.data.clips if from_videos else None,
        weights=catalog.Weights(
            path.name, catalog.sha256(path), path.stat().st_size
        ),
    )


def _metrics(run_dirs: Sequence[Path]) -> dict[str, Any]:
    """Returns what runs of one recipe measured; the first gives the weights."""
    summaries = [
        directory.read_object(each / directory.SUMMARY) for each in run_dirs
    ]
    recipes = [
        directory.read_object(each / directory.RECIPE) for each in run_dirs
    ]
    if any(
        each[key] != recipes[0][key]
        for each in recipes
        for key in ("recipe", "blend")
    ):
        raise ValueError(
            "`repeats` are of another recipe or method. Expected those of "
            f"{run_dirs[0]}. Received: others. Leave them out."
        )
    first = summaries[0]
    heads = list(first["answering_heads"])
    answers = answers_of(first)
    return {
        "evaluated_on": first["evaluated_on"],
        "num_evaluated": first["num_evaluated"],
        "trained_heads": heads,
        "accuracy": {
            answer: first["accuracy"][answer]
            for answer in first["accuracy"]
            if answer in answers
        },
        "tolerance": TOLERANCE,
        "by_seed": {
            str(each["seed"]): {
                answer: each["accuracy"][answer]
                for answer in each["accuracy"]
                if answer in answers
            }
            for each in summaries
        },
        "blend_weights": _blend(first["blend_weights"]),
        "blend_history": _history(run_dirs[0]),
        "curves": _curves(run_dirs[0], heads),
        "cost": {
            key: first[key]
            for key in ("epochs_trained", "examples_trained", "seconds")
        },
    }


def _blend(weights: Mapping[str, float]) -> dict[str, float]:
    """Returns weights that sum to 1; those of isolated heads do not."""
    total = sum(weights.values())
    return {head: weight / total for head, weight in weights.items()}


def _history(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / directory.HISTORY
    if not path.exists():
        return []
    return [
        {key: each[key] for key in ("epoch", "num_epochs", "weights")}
        for each in read_history(path)
    ]


def _curves(
    run_dir: Path, heads: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """Returns the losses of each head by epoch, in nats."""
    rows = metrics_log.read_metrics(run_dir / directory.METRICS)
    return {
        head: {
            "train": [round(float(row[f"{head}_loss"]), 4) for row in rows],
            "held": [round(float(row[f"val_{head}_loss"]), 4) for row in rows],
        }
        for head in heads
    }


def _check_rebuilt(entry: catalog.Entry, run: FinishedRun, blend: str) -> None:
    network = loader.build_trained(run.recipe, blend, entry)
    _weights.load(network, entry.file(catalog.WEIGHTS))
    seed = hashlib.sha256(entry.name.encode()).digest()
    rng = np.random.default_rng(list(seed))
    x = {
        modality: rng.normal(size=(2, *loader.sizes(each.shape))).astype(
            np.float32
        )
        for modality, each in entry.inputs.items()
    }
    expected = run.model.network(x, training=False)
    found = network(x, training=False)
    for head in expected:
        first = keras.ops.convert_to_numpy(expected[head])
        second = keras.ops.convert_to_numpy(found[head])
        if np.abs(first - second).max() > _PARITY * np.abs(first).max():
            raise ValueError(
                f"{entry.name} does not come back. Expected the logits of "
                f"the run from its recipe and weights. Received: others at "
                f"head '{head}'. The recipe does not describe this model."
            )
