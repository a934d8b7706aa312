"""A trained model -> what its run directory keeps of it."""

import shutil
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gblend_keras import reporting
from gblend_keras.answers import pool
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate import read_history
from gblend_keras.blending.model import BlendedModel
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import trained_heads
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.distribution import workers
from gblend_keras.evaluation import evaluator
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import saved_model
from gblend_keras.heads import ENSEMBLE
from gblend_keras.heads import computed_answers
from gblend_keras.methods import base
from gblend_keras.runs import directory
from gblend_keras.utils import files
from gblend_keras.utils import optional
from gblend_keras.utils import progress


def calibrate(
    ready: base.ReadyRun, splits: example_set.Splits
) -> dict[str, Any]:
    """Calibrates the pool of heads on what is clean, once training is over.

    On the set's own validation split, where it has one that is not reported
    on; else the exponents stay those of the last estimate; else they are equal.

    Returns:
        What the summary says of it: "source" ("validation", the
        `pool_source` of the last estimate, or "none"), and the "exponents" of
        the heads that answer.
    """
    model = ready.model
    heads = pool.answering_heads(model, list(model.network.input))
    found: dict[str, Any] = {}
    source = "none"
    if model.pool.is_set:
        history = read_history(ready.workdir / directory.HISTORY)
        source = BlendEstimate.from_json(history[-1]).pool_source
    if len(heads) > 1 and splits.validation is not None:
        data = datasets.make_dataset(splits.validation, batch_size=128)
        calibration = model.calibrate(data)
        source = "validation"
        found = calibration.to_json()
        if ready.verbose:
            progress.say(calibration.summary())
    return {"source": source, "exponents": model.pool.exponents(heads), **found}


def finish(
    method: base.Method,
    ready: base.ReadyRun,
    splits: example_set.Splits,
    *,
    blend: str,
    report: Mapping[str, Any],
) -> dict[str, Any]:
    """Evaluates, saves, draws, and writes the summary last.

    Args:
        method: How the model was trained.
        ready: The trained model, its recipe and its folder.
        splits: What it was trained and is evaluated on.
        blend: What the method was asked for as.
        report: What the summary says of the training.

    Returns:
        The summary, as in `summary.json`.
    """
    summary = {
        "format": directory.RUN_FORMAT,
        "blend": blend,
        **_measured(method, ready, splits),
        **report,
    }
    strategy = ready.model.distribute_strategy
    with (
        workers.folder_to_write(strategy, ready.workdir) as folder,
        files.replacing(folder / "model.keras") as beside,
    ):
        ready.model.save(beside)

    def conclude() -> None:
        if reporting.is_installed():  # else the report says how
            title = f"blend: {summary['blend']}, seed {summary['seed']}"
            reporting.plot_curves(
                ready.workdir,
                heads=summary["trained_heads"],
                evaluated=summary["curves_on"],
                title=title,
            )
            path = ready.workdir / directory.HISTORY
            if path.exists():
                reporting.plot_weights(
                    ready.workdir, read_history(path), title=title
                )
        files.write_json(ready.workdir / directory.SUMMARY, summary)
        remove_checkpoints(ready.workdir)
        reporting.write_report(ready.workdir)

    workers.on_chief(strategy, conclude)
    return summary


def _measured(
    method: base.Method, ready: base.ReadyRun, splits: example_set.Splits
) -> dict[str, Any]:
    """Returns what the summary says of the model, the method and the data."""
    model, settings = ready.model, ready.recipe.train
    num_replicas = model.distribute_strategy.num_replicas_in_sync
    # With evaluate_on="validation", `splits.test` is a part of training data.
    reported_on = ready.recipe.data.evaluate_on
    predicted = _predict(ready, splits)
    phases = method.phases(model.head_names, settings.epochs)
    return {
        "seed": ready.seed,
        "evaluated_on": reported_on,
        "num_evaluated": len(splits.test),
        "curves_on": "validation" if splits.validation else reported_on,
        "class_names": list(splits.class_names),
        "accuracy": accuracies(model, predicted, splits.test.y),
        "blend_weights": model.blend_weights,
        "loss_scale": model.loss_scale,
        "num_replicas": num_replicas,
        "batch_size": ready.recipe.data.batch_size,  # of all replicas together
        "learning_rate": optimizer_builder.learning_rate(
            settings, num_replicas
        ),
        "trained_heads": trained_heads(phases, model.head_names),
        "answering_heads": answering_heads(phases, model),
    }


def remove_checkpoints(workdir: Path) -> None:
    """Removes what a finished run no longer needs."""
    shutil.rmtree(workdir / directory.CHECKPOINTS, ignore_errors=True)


def _predict(
    ready: base.ReadyRun, splits: example_set.Splits
) -> Mapping[str, Any]:
    """Returns every answer; saves the evaluation where its libraries are.

    Subsets of modalities may take a pass each, so they are left to
    gblend evaluate.
    """
    strategy = ready.model.distribute_strategy
    data = datasets.make_dataset(splits.test, batch_size=128)
    if not workers.all_true(
        strategy, optional.are_installed("sklearn", "scipy")
    ):
        predicted: Mapping[str, Any] = ready.model.predict(data, verbose=0)
        return predicted
    found = evaluator.evaluate_model(
        ready.model,
        data,
        class_names=splits.class_names,
        options=evaluator.Options(subsets=False),
    )
    workers.on_chief(strategy, lambda: _save_evaluation(ready, splits, found))
    return found.probabilities


def _save_evaluation(
    ready: base.ReadyRun,
    splits: example_set.Splits,
    found: evaluator.Evaluation,
) -> None:
    recipe, seed = saved_model.find_recipe(
        saved_model.SavedModel(ready.workdir)
    )
    saved = saved_model.SavedModel(
        ready.workdir, recipe, split=recipe.data.evaluate_on, seed=seed
    )
    named = saved_model.named(
        found, saved, examples=splits.test, train=splits.train
    )
    named.save(saved_model.output_folder(saved, named, None))


def answering_heads(phases: Sequence[Phase], model: BlendedModel) -> list[str]:
    """Returns the heads that were trained to the end.

    Others are out of date: their towers have moved on.
    """
    return trained_heads(phases[-1:], model.head_names)


def accuracies(
    model: BlendedModel, predicted: Mapping[str, Any], y: example_set.Array
) -> dict[str, float]:
    """Computes the accuracy of every answer.

    Args:
        model: Names the heads.
        predicted: `{head or blend: probabilities (N, classes)}`.
        y: Labels `(N,)`, or multi-hot `(N, classes)` (share of labels right).
    """
    own = [predicted[head] for head in model.modality_heads]
    found = {**predicted, ENSEMBLE: np.mean(own, axis=0)}
    return {
        answer: metrics.label_accuracy(found[answer], y)
        for answer in computed_answers(model.modality_heads)
    }
