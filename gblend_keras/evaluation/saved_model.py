"""A run directory or a saved model, and its recipe -> an `Evaluation`."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras import config
from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.clips import clip_set
from gblend_keras.data.sets import registry
from gblend_keras.evaluation import actions
from gblend_keras.evaluation import evaluator
from gblend_keras.evaluation import fallbacks
from gblend_keras.heads import POOL
from gblend_keras.runs import directory
from gblend_keras.runs import loader
from gblend_keras.runs.provenance import provenance
from gblend_keras.utils import files

SPLITS = ("test", "validation", "train")


@dataclasses.dataclass(frozen=True)
class SavedModel:
    """A trained model on disk, and what is needed to evaluate it.

    Attributes:
        model: A run directory, or a `.keras` file.
        recipe: What it was trained with; None to read it from the run.
        data_dir: Folder that holds the sets' folders.
        split: "test", "validation" or "train"; None for what the run itself
            reports: "test", unless its recipe says otherwise.
        seed: Seeds the draw of a validation part; None for the run's, or 0.
        num_clips: Of sets of clips: clips of each video that are averaged.
        num_crops: Of sets of clips: 1 for the centre, or 3.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> saved = gb.evaluation.SavedModel(Path("run"), split="test")
        >>> saved.num_clips, saved.num_crops  # where the data are videos
        (10, 1)
    """

    model: Path
    recipe: config.Recipe | None = None
    data_dir: Path | None = None
    split: str | None = None
    seed: int | None = None
    num_clips: int = 10  # the paper's, section 3.1
    num_crops: int = 1


def evaluate_saved(
    saved: SavedModel,
    *,
    options: evaluator.Options | None = None,
    compare_absent: bool = False,
) -> evaluator.Evaluation:
    """Evaluates a run or a saved model on a split of its recipe's data.

    Args:
        saved: The model, the recipe and the split.
        options: Batch size and so on; None for the defaults.
        compare_absent: Adds how other fallbacks for absent modalities would do.

    Returns:
        The evaluation; its report names model, recipe, seed and split too.

    Raises:
        ValueError: If the model or its recipe cannot be found or read, the
            split was trained on, or the data does not fit.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> saved = gb.evaluation.SavedModel(Path("run"))  # a run on the digits
        >>> found = gb.evaluation.evaluate_saved(saved)
        >>> found.report["split"], found.report["counts"]["examples"]
        ('test', 1000)
    """
    if saved.split is not None:
        config.check_choice("split", saved.split, SPLITS)
    recipe, seed = find_recipe(saved)
    split = saved.split or recipe.data.evaluate_on
    splits = load_splits(recipe, split, saved.data_dir, seed)
    examples = splits.train if split == "train" else splits.test
    if isinstance(examples, clip_set.ClipExamples):
        examples = examples.with_views(saved.num_clips, saved.num_crops)
    model = loader.load_model(saved.model)
    found = evaluator.evaluate_model(
        model,
        examples,
        class_names=splits.class_names,
        options=options or evaluator.Options(),
    )
    if compare_absent:
        found.report["absent"] = fallbacks.compare_fallbacks(
            model, _in_memory(examples), train=_in_memory(splits.train)
        )
    resolved = dataclasses.replace(saved, recipe=recipe, split=split, seed=seed)
    return named(found, resolved, examples=examples, train=splits.train)


def named(
    found: evaluator.Evaluation,
    saved: SavedModel,
    *,
    examples: example_set.ExampleSet,
    train: example_set.ExampleSet,
) -> evaluator.Evaluation:
    """Adds to an evaluation what was evaluated, and on what.

    Args:
        found: The evaluation of a model of a recipe.
        saved: The model, its recipe, the split and the seed.
        examples: What it was evaluated on.
        train: What it was trained on.
    """
    # What `combine_actions` needs beside the predictions.
    extra = {"train_y": np.asarray(train.y)}
    if examples.group is not None:
        extra["group"] = np.asarray(clip_set.by_video(examples).group)
    if train.group is not None:
        extra["train_group"] = np.asarray(train.group)
    report = {
        "model": str(saved.model),
        "recipe": saved.recipe.to_json() if saved.recipe else None,
        "seed": saved.seed,
        "split": saved.split,
    }
    return dataclasses.replace(
        found,
        report={**found.report, **report},
        # Numbers and strings only: nothing that would need a pickle.
        extra={
            name: value.astype(str) if value.dtype == object else value
            for name, value in extra.items()
        },
    )


def _in_memory(examples: example_set.ExampleSet) -> example_set.Examples:
    if isinstance(examples, example_set.Examples):
        return examples
    raise ValueError(
        "`compare_absent` needs arrays. Expected a set in memory. "
        f"Received: {type(examples).__name__}. Leave --compare_absent out."
    )


def find_recipe(saved: SavedModel) -> tuple[config.Recipe, int]:
    """Returns the recipe and the seed of a saved model.

    Raises:
        ValueError: If neither the run nor the caller names a recipe.
    """
    if saved.recipe is not None and saved.seed is not None:
        return saved.recipe, saved.seed
    path = saved.model / directory.RECIPE
    if not path.is_file():
        if saved.recipe is not None:
            return saved.recipe, 0
        raise ValueError(
            "`recipe` is missing. Expected a run directory, or a recipe. "
            f"Received: {saved.model}, without recipe.json. Add --recipe=NAME."
        )
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        seed = stored["seed"] if saved.seed is None else saved.seed
        return saved.recipe or config.Recipe.from_json(stored["recipe"]), int(
            seed
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read. Expected the recipe of a run of this "
            f"version. Received: {type(error).__name__}: {error}. "
            "Name the recipe and the seed with --recipe and --seed."
        ) from error


def load_splits(
    recipe: config.Recipe, split: str, data_dir: Path | None, seed: int
) -> example_set.Splits:
    """Loads a recipe's data such that `test` is the split asked for.

    Args:
        recipe: Names the data; its `data.evaluate_on` says what was held out.
        split: "test", "validation" or "train".
        data_dir: Folder that holds the sets' folders.
        seed: Seeds the draw of a validation part.

    Raises:
        ValueError: If the validation part was trained on.
    """
    settings = recipe.data
    if split == "validation" and settings.evaluate_on == "test":
        whole = registry.load(settings, data_dir=data_dir, seed=seed)
        if whole.validation is None:
            raise ValueError(
                "`split` was trained on. Expected a run whose validation part "
                "was held out. Received: split='validation' of a run with "
                "data.evaluate_on=test, and a set without such a split. "
                "Train with --set data.evaluate_on=validation."
            )
    if split == "test":
        settings = dataclasses.replace(settings, evaluate_on="test")
    elif split == "validation":
        settings = dataclasses.replace(settings, evaluate_on="validation")
    return registry.load(settings, data_dir=data_dir, seed=seed)


def combine_actions(
    verbs: Path, nouns: Path, *, answer: str = POOL
) -> dict[str, Any]:
    """Scores actions from two evaluations: of verbs and of nouns.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 4: verbs and nouns are
    two networks, each with its own weights.

    Args:
        verbs: Folder with the `predictions.npz` of the verbs.
        nouns: The same of the nouns, on the same segments in the same order.
        answer: Which answer is used: a head, "ensemble", "joint", "blend" or
            "pool". Each network's pool has exponents of its own, and the
            product of verb and noun is theirs.

    Returns:
        As `actions.evaluate_actions`; kitchens are the groups of the data.

    Raises:
        ValueError: If a file cannot be read or the two do not fit.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> found = gb.evaluation.combine_actions(Path("verbs"), Path("nouns"))
        >>> found["all"]["num_segments"]
        2
        >>> found["all"]["action"]["top1"]
        0.5
    """
    name = f"probabilities_{answer}"
    read = []
    for folder in (verbs, nouns):
        path = folder / "predictions.npz"
        stored = npz.read_npz(path)
        npz.check_names(path, stored, ("y", "key", name))
        read.append(stored)
    verb, noun = read
    if not np.array_equal(verb["key"], noun["key"]):
        raise ValueError(
            "`verbs` and `nouns` are of different segments. Expected the same "
            f"keys in the same order. Received: {len(verb['key'])} and "
            f"{len(noun['key'])} segments. Evaluate both on the same split."
        )
    many_shot = None
    if "train_y" in verb and "train_y" in noun:
        many_shot = actions.many_shot_classes(verb["train_y"], noun["train_y"])
    return actions.evaluate_actions(
        actions.Segments(verb[name], noun[name], verb["y"], noun["y"]),
        kitchens=verb.get("group"),
        train_kitchens=verb.get("train_group"),
        many_shot=many_shot,
    )


def save_actions(path: Path, found: Mapping[str, Any]) -> None:
    """Writes what `combine_actions` found, with command and versions.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> found = gb.evaluation.combine_actions(Path("verbs"), Path("nouns"))
        >>> path = Path(tempfile.mkdtemp()) / "actions.json"
        >>> gb.evaluation.save_actions(path, found)
        >>> path.exists()
        True
    """
    report = {"format": evaluator.EVALUATION_FORMAT, **provenance()}
    files.write_json(path, {**report, "actions": dict(found)})


def check_output(saved: SavedModel | None, out: str | None) -> None:
    """Raises unless the folder of an evaluation can be written.

    Args:
        saved: What is evaluated; None: nothing goes beside a model.
        out: The folder asked for.

    Raises:
        ValueError: If it cannot.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> gb.evaluation.check_output(None, out=tempfile.mkdtemp())
        >>> gb.evaluation.check_output(None, out="labels.csv")
        Traceback (most recent call last):
            ...
        ValueError: `out` cannot be written: labels.csv. ...
    """
    if out:
        files.check_writable(Path(out), argument="out")
    elif saved is not None and saved.model.exists():
        files.check_writable(_folder_of(saved), argument="model")


def output_folder(
    saved: SavedModel, found: evaluator.Evaluation, out: str | None
) -> Path:
    """Returns where an evaluation goes: `out`, or beside the model.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> saved = gb.evaluation.SavedModel(Path("run"))
        >>> found = gb.evaluation.Evaluation({"split": "test"}, [], {}, [])
        >>> gb.evaluation.output_folder(saved, found, out=None).as_posix()
        'run/evaluation_test'
    """
    if out:
        return Path(out)
    return _folder_of(saved) / f"evaluation_{found.report['split']}"


def _folder_of(saved: SavedModel) -> Path:
    return saved.model if saved.model.is_dir() else saved.model.parent
