"""One estimate of the blend, in numbers and in plain words."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from gblend_keras import config
from gblend_keras import methods
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.model import BlendedModel
from gblend_keras.building import model_builder
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks import gradient_blending
from gblend_keras.data import datasets
from gblend_keras.data import example_checks
from gblend_keras.data import example_set
from gblend_keras.data.sets import registry
from gblend_keras.methods import base
from gblend_keras.reporting import wording
from gblend_keras.runs import directory
from gblend_keras.runs import loader
from gblend_keras.runs.provenance import provenance
from gblend_keras.utils import files

ESTIMATE_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        recipe: Data, towers, training and blend settings.
        model_path: A saved `.keras` model; None for the recipe's own, newly
            initialised.
        seed: Of the run that trained the model: it drew its holdout.
        method: That run's method; "" where it is not known.
    """

    recipe: config.Recipe
    model_path: Path | None = None
    seed: int = 0
    method: str = ""


def subject_of(
    recipe: config.Recipe | None,
    model: str | Path | None,
    *,
    settings: Sequence[str] = (),
    seed: int = 0,
) -> Subject:
    """Finds out what is to be measured.

    Args:
        recipe: A recipe; None where `model` is a run directory.
        model: A run directory of `training.train`, or a `.keras` file, which
            needs its recipe; None for the recipe's own model.
        settings: Changes of the recipe, as `config.with_settings` takes them.
        seed: Not for a run directory, which has its own.

    Returns:
        The subject.

    Raises:
        ValueError: If there is no such run, or no recipe.

    Example:
        >>> import gblend_keras as gb
        >>> subject = gb.training.subject_of(
        ...     gb.recipes.get("digits"), None, settings=["train.epochs=5"]
        ... )
        >>> subject.recipe.train.epochs
        5
    """
    path = None if model is None else directory.model_file(model)
    if model is not None and Path(model).is_dir():
        identity = directory.read_identity(Path(model) / directory.RECIPE)
        return Subject(
            config.with_settings(
                config.Recipe.from_json(identity["recipe"]), list(settings)
            ),
            path,
            seed=identity["seed"],
            method=identity["blend"],
        )
    if recipe is None:
        raise ValueError(
            "`recipe` is missing. Expected the recipe of the model, for its "
            "data and schedule. Received: none. Add --recipe=NAME."
        )
    return Subject(
        config.with_settings(recipe, list(settings)),
        path,
        seed=seed,
    )


def output_path(subject: Subject, workdir: str | Path | None) -> Path:
    """Returns where `estimate.json` goes.

    Args:
        subject: What is measured.
        workdir: The folder asked for; None for the folder of the saved model,
            or `runs/estimate_RECIPE`.

    Example:
        >>> import gblend_keras as gb
        >>> subject = gb.training.subject_of(gb.recipes.get("digits"), None)
        >>> gb.training.output_path(subject, None).as_posix()
        'runs/estimate_digits/estimate.json'
    """
    folder = Path(f"runs/estimate_{subject.recipe.name}")
    if workdir is not None:
        folder = Path(workdir)
    elif subject.model_path is not None:
        folder = subject.model_path.parent
    return folder / "estimate.json"


def estimate_blend(
    subject: Subject,
    *,
    data_dir: Path | None = None,
    epochs: int | None = None,
    repeats: int = 1,
    output: Path | None = None,
    verbose: bool = True,
) -> dict[str, Any]:
    """Measures G, O, OGR and the weights, and trains nothing else.

    A recipe is measured as offline G-Blend does it: from the initial weights,
    with the holdout of `blend.offline_fraction` or `blend.folds`. A saved
    model is measured where its training ended, on examples it has not been
    trained on; its file and its weights stay as they are.

    Args:
        subject: What is measured, see `subject_of`.
        data_dir: Folder that holds the sets' folders.
        epochs: How long each head is trained alone. None: the epochs of the
            recipe, as offline; for a saved model those of a super-epoch.
        repeats: How often it is done, each time with another seed: of a
            recipe other initial weights, holdouts and orders; of a saved
            model other orders and samples.
        output: JSON file for what is returned; None writes none.
        verbose: Whether progress is shown.

    Returns:
        `format`, `command`, `versions`, `recipe`, `model`, `method`, `epoch`,
        `num_epochs`, `seeds`, `estimates` (as `BlendEstimate.to_json`) and
        `words`.

    Raises:
        ValueError: If a setting is out of range, the folder of `output`
            cannot be written, the data does not fit, or the data has no
            example that the saved model has not seen.

    Example:
        >>> import gblend_keras as gb
        >>> subject = gb.training.subject_of(
        ...     gb.recipes.get("arrays"), None, settings=["data.path=mine.npz"]
        ... )
        >>> found = gb.training.estimate_blend(subject, epochs=1, verbose=False)
        >>> list(found["estimates"][0]["weights"])
        ['sound', 'pose', 'joint']
    """
    config.check_range("repeats", repeats, 1, 10**4)
    if epochs is not None:
        config.check_range("epochs", epochs, 1, 10**6)
    if output is not None:
        files.check_writable(output.parent, argument="workdir")
    seeds = [subject.seed + place for place in range(repeats)]
    estimates = [
        _estimate_once(subject, seed, data_dir, epochs, verbose)
        for seed in seeds
    ]
    found = {
        "format": ESTIMATE_FORMAT,
        **provenance(),
        "recipe": subject.recipe.to_json(),
        "model": str(subject.model_path) if subject.model_path else None,
        "method": subject.method,
        "epoch": estimates[0].epoch,
        "num_epochs": estimates[0].num_epochs,
        "seeds": seeds,
        "estimates": [estimate.to_json() for estimate in estimates],
        "words": wording.in_words(
            estimates,
            floors=subject.recipe.blend.settings(0).floors(
                estimates[0].weights
            ),
        ),
    }
    if output is not None:
        files.write_json(output, found)
    return found


def estimate_table(
    estimates: Sequence[Mapping[str, Any]], seeds: Sequence[int]
) -> str:
    """Returns the numbers of all estimates as text.

    Args:
        estimates: As `estimate_blend` returns them.
        seeds: One an estimate.

    Example:
        >>> import gblend_keras as gb
        >>> history = gb.read_history("run/blend_history.json")
        >>> text = gb.training.estimate_table(history[:1], seeds=[0])
        >>> print(text.splitlines()[0])
        Seed 0
    """
    lines = []
    for seed, values in zip(seeds, estimates, strict=True):
        lines.append(f"Seed {seed}")
        lines.append(BlendEstimate.from_json(dict(values)).summary())
    return "\n".join(lines)


def _estimate_once(
    subject: Subject,
    seed: int,
    data_dir: Path | None,
    epochs: int | None,
    verbose: bool,
) -> BlendEstimate:
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    recipe = subject.recipe
    saved = subject.model_path
    # The validation part of a saved model is the one its run has drawn.
    splits = registry.load(
        recipe.data, data_dir=data_dir, seed=subject.seed if saved else seed
    )
    if saved:
        model = loader.load_model(saved)
        example_checks.check_modalities(
            splits.train.shapes, list(model.network.input)
        )
        callback = _on_unseen(subject, model, splits, seed)
        epoch, num_epochs = recipe.train.epochs, recipe.blend.super_epoch
    else:
        model = model_builder.build_model(recipe, splits)
        callback = _blending_of("offline", recipe, model, splits, seed)
        epoch, num_epochs = 0, recipe.train.epochs
    callback.verbose = verbose
    return callback.estimate(
        model,
        epoch=epoch,
        num_epochs=epochs or num_epochs,
        schedules=(optimizer_builder.make_schedule(recipe.train),),
    )


def _blending_of(
    name: str,
    recipe: config.Recipe,
    model: BlendedModel,
    splits: example_set.Splits,
    seed: int,
) -> gradient_blending.GradientBlending:
    """Returns the callback of a run of this method, with the same holdout."""
    # The folder is not touched: no history is written.
    ready = base.ReadyRun(model, recipe, splits.train, seed, Path())
    (callback,) = methods.get(name).data(ready).callbacks
    if not isinstance(callback, gradient_blending.GradientBlending):
        raise TypeError(f"{name} has no GradientBlending.")
    return callback


def _on_unseen(
    subject: Subject,
    model: BlendedModel,
    splits: example_set.Splits,
    seed: int,
) -> gradient_blending.GradientBlending:
    """Returns a callback whose V the saved model has not been trained on."""
    recipe = subject.recipe
    unseen = splits.validation
    if recipe.data.evaluate_on == "validation":
        unseen = splits.test
    if unseen is None:
        if subject.method == "online" and not recipe.blend.return_holdout:
            return _blending_of("online", recipe, model, splits, subject.seed)
        raise ValueError(
            "`model` has been trained on the whole training set, so there is "
            "nothing to hold out. Expected a set with a validation split, or "
            "a model trained with data.evaluate_on=validation or online with "
            "blend.return_holdout=false. "
            f"Received: method={subject.method or 'unknown'}. "
            "Train it so, or measure the recipe without --model."
        )
    size = recipe.data.batch_size
    return gradient_blending.GradientBlending(
        datasets.make_training_dataset(
            splits.train, batch_size=size, seed=seed
        ),
        datasets.make_dataset(unseen, batch_size=size),
        estimator="retrain",
        settings=recipe.blend.settings(seed),
    )
