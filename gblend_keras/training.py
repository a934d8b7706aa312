"""A recipe -> a run directory."""

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gblend_keras import building
from gblend_keras import checkpointing
from gblend_keras import cluster
from gblend_keras import config
from gblend_keras import distribution
from gblend_keras import files
from gblend_keras import progress
from gblend_keras import reporting
from gblend_keras.blending import callback as blending
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.model import BlendedModel
from gblend_keras.data import arrays
from gblend_keras.data import holdout
from gblend_keras.data import pipeline
from gblend_keras.data import sets
from gblend_keras.network import JOINT

RUN_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run is beside its recipe.

    Attributes:
        workdir: The run directory.
        data_dir: Folder that holds the sets' folders.
        seed: Seeds weights, orders, the holdout and dropout.
        blend: "online", "offline", "uniform", "joint", "modalities" (every
            modality alone, side by side), or one modality's name.
        strategy: See `distribution`.
        deterministic: Bit-for-bit repeatable operations; slower.
        verbose: Whether progress is shown.
    """

    workdir: Path
    data_dir: Path | None = None
    seed: int = 0
    blend: str = "online"
    strategy: str = "default"
    deterministic: bool = False
    verbose: bool = True


def train(recipe: config.Recipe, run: Run) -> dict[str, Any]:
    """Trains a recipe and writes everything about it into a folder.

    A stopped run goes on where it stopped; a finished one is left alone.

    Args:
        recipe: What to train.
        run: Where, with which seed, and with which blend.

    Returns:
        The summary, as in `summary.json`.

    Raises:
        ValueError: If the folder cannot be written or holds another run, or
            the recipe does not fit the data.
        FloatingPointError: If a loss is not finite.
    """
    # Before any tensor exists; the recipe as given names the run.
    strategy = distribution.make_strategy(run.strategy)
    identity = _identity(recipe, run)
    cluster.on_chief(strategy, lambda: check_workdir(run.workdir, identity))
    run = dataclasses.replace(
        run, verbose=run.verbose and cluster.is_chief(strategy)
    )
    if everywhere(strategy, run.workdir / "summary.json"):
        summary = reporting.read_summary(run.workdir)
        if run.verbose:
            print(f"The run in {run.workdir} is finished; nothing to do.")
        return summary
    recipe = for_replicas(recipe, strategy.num_replicas_in_sync, run.verbose)
    splits = sets.load(recipe.data, data_dir=run.data_dir, seed=run.seed)
    _check_blend(run.blend, list(splits.train.shapes))
    keras.utils.set_random_seed(run.seed)
    if run.deterministic:
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        model = building.build_model(_for_blend(recipe, run.blend), splits)
    path = run.workdir / "recipe.json"
    cluster.on_chief(strategy, lambda: files.write_json(path, identity))
    everywhere(strategy, path)
    started = time.monotonic()
    callbacks = _fit(model, recipe, run, splits)
    seconds = time.monotonic() - started
    return _finish(model, recipe, run, splits, callbacks, seconds)


def everywhere(strategy: tf.distribute.Strategy, path: Path) -> bool:
    """Says if a file exists; all workers must see the same.

    Raises:
        ValueError: If some workers see it and others do not.
    """
    found = path.exists()
    count = cluster.num_true(strategy, found)
    if count not in (0, cluster.num_workers(strategy)):
        raise ValueError(
            f"`workdir` is not shared: {path.parent}. Expected every worker "
            f"to see {path.name}. Received: {count} of "
            f"{cluster.num_workers(strategy)} see it. "
            "Choose a folder that all machines mount."
        )
    return found


def for_replicas(
    recipe: config.Recipe, num_replicas: int, verbose: bool
) -> config.Recipe:
    """Makes the batch size that of all replicas together, and says so."""
    size = recipe.data.batch_size
    if recipe.train.per_replica:
        size *= num_replicas
    rate = building.learning_rate(recipe.train, num_replicas)
    if verbose and num_replicas > 1:
        print(
            f"{num_replicas} replicas: {size} examples a step, "
            f"learning rate {rate:g}."
        )
    data = dataclasses.replace(recipe.data, batch_size=size)
    return dataclasses.replace(recipe, data=data)


def _for_blend(recipe: config.Recipe, blend: str) -> config.Recipe:
    """Keeps a modality that trains alone from seeing the others.

    Some fusions join the towers before the modality heads.
    """
    if blend in config.BLENDS and blend != "modalities":
        return recipe
    return dataclasses.replace(recipe, fusion=config.FusionConfig())


def check_workdir(workdir: Path, identity: Mapping[str, Any]) -> None:
    """Raises unless the folder can be written and holds no other run."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        files.write_text(workdir / ".writable", "")
        (workdir / ".writable").unlink()
    except OSError as error:
        raise ValueError(
            f"`workdir` cannot be written: {workdir}. Expected a folder where "
            f"files can be made. Received: {error.strerror}. "
            "Choose another folder."
        ) from error
    path = workdir / "recipe.json"
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged. Expected the recipe of a run. "
            f"Received: {error}. Choose another folder."
        ) from error
    expected = json.loads(json.dumps(identity))
    different = [
        key
        for key in ("format", "recipe", "seed", "blend")
        if found.get(key) != expected[key]
    ]
    if different:
        raise ValueError(
            f"`workdir` holds another run: {workdir}. Expected the same "
            f"recipe, seed and blend. Received: another {different[0]}. "
            "Choose another folder, or repeat that run's command."
        )


def _identity(recipe: config.Recipe, run: Run) -> dict[str, Any]:
    return {
        "format": RUN_FORMAT,
        "recipe": recipe.to_json(),
        "seed": run.seed,
        "blend": run.blend,
        "command": " ".join(sys.argv),
        "versions": {
            "keras": keras.version(),
            "tensorflow": tf.__version__,
            "python": sys.version.split()[0],
        },
        "num_cores": os.cpu_count(),
    }


def _check_blend(blend: str, modalities: list[str]) -> None:
    known = [*config.BLENDS, *modalities]
    if blend not in known:
        raise ValueError(
            f"`blend` is unknown. Expected one of {known}. "
            f"Received: blend={blend!r}. Choose one of them."
        )


def _fit(
    model: BlendedModel,
    recipe: config.Recipe,
    run: Run,
    splits: arrays.Splits,
) -> list[keras.callbacks.Callback]:
    """Trains the model to the end, from where an earlier try stopped."""
    dataset, blend_callbacks = _training_data(model, recipe, run, splits)
    epochs_done = checkpointing.restore_newest(
        model, run.workdir / "checkpoint"
    )
    if epochs_done and run.verbose:
        print(f"Going on after epoch {epochs_done} of {recipe.train.epochs}.")
    held = splits.validation or splits.test
    callbacks = [
        *blend_callbacks,
        building.make_schedule(
            recipe.train,
            num_replicas=model.distribute_strategy.num_replicas_in_sync,
        ),
        progress.TrainingProgress(recipe.train.epochs, show=run.verbose),
    ]
    strategy = model.distribute_strategy
    with cluster.folder_to_write(strategy, run.workdir) as folder:
        callbacks += [
            checkpointing.MetricsLog(
                folder / "metrics.csv", epochs_done=epochs_done
            ),
            checkpointing.RunCheckpoint(folder / "checkpoint"),
        ]
        model.fit(
            dataset,
            validation_data=pipeline.make_dataset(
                held, batch_size=max(recipe.data.batch_size, 128)
            ),
            initial_epoch=epochs_done,
            epochs=recipe.train.epochs,
            callbacks=callbacks,
            verbose=0,  # TrainingProgress shows it
        )
    return callbacks


def _training_data(
    model: BlendedModel,
    recipe: config.Recipe,
    run: Run,
    splits: arrays.Splits,
) -> tuple[tf.data.Dataset, list[keras.callbacks.Callback]]:
    """Returns what is trained on, and the callback that blends, if any."""
    blend, size = recipe.blend, recipe.data.batch_size
    if run.blend not in ("online", "offline"):
        _fix_weights(model, run.blend)
        dataset = pipeline.make_training_dataset(
            splits.train, batch_size=size, seed=run.seed
        )
        return dataset, []
    online = run.blend == "online"
    settings = config.BlendSettings(
        measure=blend.measure,
        weight_floor=blend.weight_floor,
        weights_from=blend.weights_from,
        return_holdout=blend.return_holdout,
        seed=run.seed,
    )
    by_group = blend.holdout_by_group if online else blend.offline_by_group
    groups = splits.train.group if by_group else None
    held: Any = None
    folds: Any = None
    if blend.folds and not online:
        dataset = pipeline.make_training_dataset(
            splits.train, batch_size=size, seed=run.seed
        )
        folds = holdout.fold_indices(
            splits.train.y,
            folds=blend.folds,
            groups=groups,
            seed=run.seed,
        )
    else:
        dataset, held = pipeline.split_holdout(
            splits.train,
            blend.holdout_fraction if online else blend.offline_fraction,
            seed=run.seed,
            groups=groups,
            batch_size=size,
        )
    gradient_blending = blending.GradientBlending(
        dataset,
        held,
        super_epochs=(
            (blend.first_super_epoch, blend.super_epoch) if online else None
        ),
        folds=folds,
        history_path=run.workdir / "blend_history.json",
        settings=settings,
    )
    gradient_blending.verbose = run.verbose
    return dataset, [gradient_blending]


def _fix_weights(model: BlendedModel, blend: str) -> None:
    """Sets the weights of a baseline for the whole run.

    A single head trains on its plain loss, as it would without us.
    """
    if blend == "uniform":
        return  # as a new model is
    model.isolate_heads(trained_heads(model, blend))


def trained_heads(model: BlendedModel, blend: str) -> list[str]:
    """Returns the heads that a blend, as `--blend` names it, trains."""
    if blend in ("online", "offline", "uniform"):
        return model.head_names
    return model.modality_heads if blend == "modalities" else [blend]


def _finish(
    model: BlendedModel,
    recipe: config.Recipe,
    run: Run,
    splits: arrays.Splits,
    callbacks: list[keras.callbacks.Callback],
    seconds: float,
) -> dict[str, Any]:
    """Evaluates, saves, draws, and writes the summary last."""
    predicted = model.predict(
        pipeline.make_dataset(splits.test, batch_size=128), verbose=0
    )
    estimates = [
        estimate
        for each in callbacks
        if isinstance(each, blending.GradientBlending)
        for estimate in each.estimates
    ]
    # With evaluate_on="validation", `splits.test` is a part of training data.
    reported_on = recipe.data.evaluate_on
    num_replicas = model.distribute_strategy.num_replicas_in_sync
    watched = "validation" if splits.validation else reported_on
    summary = {
        "format": RUN_FORMAT,
        "blend": run.blend,
        "seed": run.seed,
        "evaluated_on": reported_on,
        "num_evaluated": len(splits.test),
        "accuracy": accuracies(model, predicted, splits.test.y),
        "blend_weights": model.blend_weights,
        "loss_scale": model.loss_scale,
        "num_replicas": num_replicas,
        "batch_size": recipe.data.batch_size,  # of all replicas together
        "learning_rate": building.learning_rate(recipe.train, num_replicas),
        "seconds": round(seconds, 1),
        "examples_trained_in_estimates": sum(
            estimate.examples_trained for estimate in estimates
        ),
        "seconds_in_estimates": round(
            sum(estimate.seconds for estimate in estimates), 1
        ),
    }
    strategy = model.distribute_strategy
    with (
        cluster.folder_to_write(strategy, run.workdir) as folder,
        files.replacing(folder / "model.keras") as beside,
    ):
        model.save(beside)
    cluster.on_chief(
        strategy, lambda: _write(model, run, summary, estimates, watched)
    )
    return summary


def _write(
    model: BlendedModel,
    run: Run,
    summary: dict[str, Any],
    estimates: list[BlendEstimate],
    watched: str,
) -> None:
    title = f"blend: {run.blend}, seed {run.seed}"
    reporting.plot_curves(
        run.workdir,
        heads=trained_heads(model, run.blend),
        evaluated=watched,
        title=title,
    )
    if estimates:
        history = [estimate.to_json() for estimate in estimates]
        reporting.plot_weights(run.workdir, history, title=title)
    files.write_json(run.workdir / "summary.json", summary)
    shutil.rmtree(run.workdir / "checkpoint", ignore_errors=True)


def accuracies(
    model: BlendedModel, predicted: Mapping[str, Any], y: arrays.Array
) -> dict[str, float]:
    """Computes the accuracy of every head, the ensemble and the blend.

    Args:
        model: Names the heads.
        predicted: `{head or blend: probabilities (N, classes)}`.
        y: Labels `(N,)`, or multi-hot `(N, classes)` (share of labels right).
    """
    modalities = [predicted[head] for head in model.modality_heads]
    scores = {head: predicted[head] for head in model.modality_heads}
    scores["ensemble"] = np.mean(modalities, axis=0)
    scores[JOINT] = predicted[JOINT]
    scores["blend"] = predicted["blend"]
    return {name: _accuracy(score, y) for name, score in scores.items()}


def _accuracy(probability: Any, y: arrays.Array) -> float:
    if y.ndim == 2:
        return float(np.mean((probability > 0.5) == (y > 0.5)))
    return float(np.mean(np.argmax(probability, axis=1) == y))
