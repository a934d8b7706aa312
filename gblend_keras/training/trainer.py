"""A recipe -> a run directory."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras import methods
from gblend_keras import reporting
from gblend_keras.blending import collapse
from gblend_keras.blending.model import BlendedModel
from gblend_keras.building import model_builder
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks import cost_log
from gblend_keras.callbacks import evaluated_curve
from gblend_keras.callbacks import metrics_log
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.callbacks import training_progress
from gblend_keras.callbacks.phases import Phase
from gblend_keras.callbacks.phases import PhaseStarter
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.data.sets import registry
from gblend_keras.distribution import strategies
from gblend_keras.distribution import workers
from gblend_keras.heads import ENSEMBLE
from gblend_keras.heads import all_answers
from gblend_keras.heads import reported_answers
from gblend_keras.methods import base
from gblend_keras.runs import directory
from gblend_keras.runs.provenance import provenance
from gblend_keras.training import failures
from gblend_keras.training import initial_weights
from gblend_keras.training import run_files
from gblend_keras.utils import files


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run is beside its recipe.

    Attributes:
        workdir: The run directory.
        data_dir: Folder that holds the sets' folders.
        seed: Seeds weights, orders, the holdout and dropout.
        blend: The method: one of `methods.names()`, or a modality's name, to
            train it alone.
        strategy: Replicas and workers, as `distribution.strategies` makes
            them.
        deterministic: Bit-for-bit repeatable operations; slower.
        verbose: Whether progress is shown.
        init_from: Trained weights to start from: a name of the zoo, a run
            directory, or "rgb:RUN,audio:NAME"; "" for none.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> run = gb.training.Run(Path("runs/digits"), seed=1, blend="offline")
        >>> run.strategy
        'default'
    """

    workdir: Path
    data_dir: Path | None = None
    seed: int = 0
    blend: str = "probe"
    strategy: str = "default"
    deterministic: bool = False
    verbose: bool = True
    init_from: str = ""


def train(recipe: config.Recipe, run: Run) -> dict[str, Any]:
    """Trains a recipe and writes everything about it into a folder.

    A stopped run goes on where it stopped; a finished one is left alone; one
    that fails leaves `failed.json` and a page that shows it. On several
    workers each calls this, with the same arguments and a folder that all of
    them see; the chief alone writes there.

    Args:
        recipe: What to train.
        run: Where, with which seed, and with which blend.

    Returns:
        The summary, as in `summary.json`.

    Raises:
        ValueError: If the folder cannot be written, is in use or holds
            another run, or the recipe does not fit the data.
        RunError: If the disk is full, a step does not fit into memory, or
            the data cannot be read on.
        FloatingPointError: If a loss is not finite.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> recipe = gb.config.with_settings(
        ...     gb.recipes.get("arrays"),
        ...     ["data.path=mine.npz", "train.epochs=1"],
        ... )
        >>> folder = Path(tempfile.mkdtemp())
        >>> run = gb.training.Run(folder, blend="uniform", verbose=False)
        >>> list(gb.training.train(recipe, run)["accuracy"])
        ['sound', 'pose', 'ensemble', 'joint', 'blend', 'pool']
    """
    # Before any tensor exists.
    strategy = strategies.make_strategy(run.strategy)
    run = dataclasses.replace(
        run, verbose=run.verbose and workers.is_chief(strategy)
    )
    identity = {
        "format": directory.RUN_FORMAT,
        "recipe": recipe.to_json(),  # as it was given
        "seed": run.seed,
        "blend": run.blend,
        "init_from": run.init_from,
        **provenance(),
        "num_cores": os.cpu_count(),
    }
    with (
        _claimed(strategy, run.workdir, identity),
        failures.explained(run.workdir, batch_size=recipe.data.batch_size),
    ):
        return _train(recipe, run, strategy, identity)


@contextlib.contextmanager
def _claimed(
    strategy: tf.distribute.Strategy, workdir: Path, identity: Mapping[str, Any]
) -> Iterator[None]:
    """Claims the folder for all workers: the chief does.

    A run that fails is recorded there, once it is known that the folder is
    not another run's.
    """
    with contextlib.ExitStack() as stack:

        def claim() -> None:
            stack.enter_context(directory.claimed(workdir))
            directory.check_identity(workdir, identity)
            stack.enter_context(failures.recorded(workdir))

        workers.on_chief(strategy, claim)
        yield


def _train(
    recipe: config.Recipe,
    run: Run,
    strategy: tf.distribute.Strategy,
    identity: Mapping[str, Any],
) -> dict[str, Any]:
    if workers.everywhere(strategy, run.workdir / directory.SUMMARY):
        return _finished(run, strategy)
    recipe = for_replicas(recipe, strategy.num_replicas_in_sync, run.verbose)
    splits = registry.load(recipe.data, data_dir=run.data_dir, seed=run.seed)
    method = methods.get(
        run.blend, modalities=list(splits.train.shapes), options=recipe.methods
    )
    keras.utils.set_random_seed(run.seed)
    if run.deterministic:
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        ready = _ready(method, recipe, run, splits)
        initial_weights.start(ready, run.init_from)
    path = run.workdir / directory.RECIPE
    workers.on_chief(strategy, lambda: files.write_json(path, identity))
    workers.everywhere(strategy, path)  # else no checkpoint would be seen
    report = _fit(method, ready, splits)
    return run_files.finish(
        method, ready, splits, blend=run.blend, report=report
    )


def _finished(run: Run, strategy: tf.distribute.Strategy) -> dict[str, Any]:
    """Leaves a finished run alone, but for what a kill has cut off."""
    summary = reporting.read_summary(run.workdir)
    if run.verbose:
        print(f"The run in {run.workdir} is finished; nothing to do.")

    def tidy() -> None:
        run_files.remove_checkpoints(run.workdir)  # a kill may have left them
        if not (run.workdir / "report.html").exists():
            reporting.write_report(run.workdir)

    workers.on_chief(strategy, tidy)
    return summary


def for_replicas(
    recipe: config.Recipe, num_replicas: int, verbose: bool
) -> config.Recipe:
    """Makes the batch size that of all replicas together, and says so."""
    size = recipe.data.batch_size
    if recipe.train.per_replica:
        size *= num_replicas
    rate = optimizer_builder.learning_rate(recipe.train, num_replicas)
    if verbose and num_replicas > 1:
        print(
            f"{num_replicas} replicas: {size} examples a step, "
            f"learning rate {rate:g}."
        )
    data = dataclasses.replace(recipe.data, batch_size=size)
    return dataclasses.replace(recipe, data=data)


def _ready(
    method: base.Method,
    recipe: config.Recipe,
    run: Run,
    splits: example_set.Splits,
) -> base.ReadyRun:
    """Builds the model as the method wants it."""
    adapted = method.adapt(recipe)
    try:
        model = model_builder.build_model(adapted, splits, method.new_rule())
    except ValueError as error:
        if adapted == recipe and method.new_rule() is None:
            raise  # the recipe's own fault
        raise ValueError(
            f"Method '{run.blend}' cannot train this recipe. {error}"
        ) from error
    return base.ReadyRun(
        model, adapted, splits.train, run.seed, run.workdir, run.verbose
    )


def _fit(
    method: base.Method, ready: base.ReadyRun, splits: example_set.Splits
) -> dict[str, Any]:
    """Trains the model to the end, from where an earlier try stopped.

    Returns:
        What the summary says of it.
    """
    model, settings = ready.model, ready.recipe.train
    data = method.data(ready)
    phases = method.phases(model.head_names, settings.epochs)
    num_epochs = sum(phase.epochs for phase in phases)
    checkpoints = ready.workdir / directory.CHECKPOINTS
    epochs_done = _restore(model, checkpoints)
    if epochs_done and ready.verbose:
        print(f"Going on after epoch {epochs_done} of {num_epochs}.")
    held = splits.validation or splits.test
    cost = cost_log.CostLog(checkpoints / "cost.json", epochs_done=epochs_done)
    model.fit(
        data.dataset,
        validation_data=datasets.make_dataset(
            held, batch_size=max(ready.recipe.data.batch_size, 128)
        ),
        initial_epoch=epochs_done,
        epochs=num_epochs,
        callbacks=[
            PhaseStarter(phases),
            *data.callbacks,
            optimizer_builder.make_schedule(
                settings,
                num_replicas=model.distribute_strategy.num_replicas_in_sync,
                phases=phases,
            ),
            *_evaluated_curve(phases, model, splits),
            cost,
            training_progress.TrainingProgress(num_epochs, show=ready.verbose),
            metrics_log.MetricsLog(
                ready.workdir / directory.METRICS, epochs_done=epochs_done
            ),
            run_checkpoint.RunCheckpoint(checkpoints),
        ],
        verbose=0,  # TrainingProgress shows it
    )
    report = _no_estimates(num_epochs) | data.report()
    calibration = run_files.calibrate(ready, splits)
    in_estimates = report["examples_trained_in_estimates"]
    return report | {
        "collapsed": _collapsed(ready),
        "pool": calibration,
        "examples_trained": cost.examples_trained + in_estimates,
        "seconds": round(cost.seconds, 1),
    }


def _collapsed(ready: base.ReadyRun) -> list[dict[str, Any]]:
    """Returns the heads that have collapsed, as plain values."""
    rows = metrics_log.read_metrics(ready.workdir / directory.METRICS)
    found = collapse.find(
        ready.model,
        rows,
        learning_rate=optimizer_builder.learning_rate(
            ready.recipe.train,
            ready.model.distribute_strategy.num_replicas_in_sync,
        ),
        weighted=getattr(ready.train, "sample_weight", None) is not None,
    )
    return [
        dataclasses.asdict(each) | {"summary": each.summary()} for each in found
    ]


def _restore(model: BlendedModel, folder: Path) -> int:
    """Restores the newest checkpoint: every worker the same one."""
    epochs_done = run_checkpoint.restore_newest(model, folder)
    if not workers.all_equal(model.distribute_strategy, [epochs_done]):
        raise ValueError(
            f"The workers read different checkpoints in {folder}. Expected "
            f"the same epoch. Received: {epochs_done} here. "
            "Choose a folder that all machines mount, or repeat the command."
        )
    return epochs_done


def _evaluated_curve(
    phases: Sequence[Phase], model: BlendedModel, splits: example_set.Splits
) -> list[keras.callbacks.Callback]:
    """Returns what logs the reported split where `val_` columns do not."""
    trained = run_files.answering_heads(phases, model)
    answers = reported_answers(all_answers(trained, model.head_names))
    if splits.validation is None and ENSEMBLE not in answers:
        return []
    return [evaluated_curve.EvaluatedCurve(splits.test, run_files.accuracies)]


def _no_estimates(num_epochs: int) -> dict[str, Any]:
    """What the summary says where a method says nothing else."""
    return {
        "epochs_trained": num_epochs,
        "reported_epoch": num_epochs,
        "examples_trained_in_estimates": 0,
        "seconds_in_estimates": 0.0,
    }
