"""Trains one recipe; without a flag, the embedded set with G-Blend by a probe.

Examples:
    gblend train
    gblend train --recipe=utd_mhad --data_dir=DIR --workdir=DIR --seed=1
    gblend train --recipe=arrays --set data.path=my.npz --blend=offline
"""

import contextlib
import importlib
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet
from gblend_keras.utils import signals

FLAGS = common_flags.new_flags()
_RECIPE = common_flags.recipe(FLAGS, "digits", "Recipe to train.")
_DATA_DIR = common_flags.data_dir(FLAGS)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Run directory. A stopped run found there goes on. "
    "Default: runs/RECIPE_BLEND_SEED.",
    flag_values=FLAGS,
)
_SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Seeds weights, orders, the holdout and dropout.",
    flag_values=FLAGS,
)
_BLEND = flags.DEFINE_string(
    "blend",
    "probe",
    f"The method: {', '.join(gb.methods.names())}; or one modality's name, to "
    "train it alone.",
    flag_values=FLAGS,
)
_EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "Epochs; short for --set train.epochs=N.",
    lower_bound=1,
    flag_values=FLAGS,
)
_SET = common_flags.settings(FLAGS)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    "",
    "Trained weights to start from: a name of the zoo or a run directory, or "
    "one for each tower, rgb:RUN,audio:NAME. See docs/fine_tuning.md.",
    flag_values=FLAGS,
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "default",
    ["default", "mirrored", "multi_worker", "tpu"],
    "Devices to train on: one; all of this machine; those of several machines "
    "(see docs/scaling.md); a TPU.",
    flag_values=FLAGS,
)
_DETERMINISTIC = common_flags.deterministic(FLAGS)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `training`."""
    command.check_no_words(words)
    settings = list(_SET.value)
    if _EPOCHS.value is not None:
        settings.append(f"train.epochs={_EPOCHS.value}")
    recipe = common_flags.changed_recipe(str(_RECIPE.value), settings)
    early_checks.check_method("blend", _BLEND.value, recipe)
    data_dir = common_flags.folder(FLAGS)
    early_checks.check_recipe(recipe, data_dir)
    workdir = Path(
        _WORKDIR.value or f"runs/{_RECIPE.value}_{_BLEND.value}_{_SEED.value}"
    )
    early_checks.check_init_from(_INIT_FROM.value, workdir)
    quiet.load_tensorflow()
    with _workers_ended(), signals.leaving_on_signals():
        summary = gb.training.train(
            recipe,
            gb.training.Run(
                workdir=workdir,
                data_dir=data_dir,
                seed=_SEED.value,
                blend=_BLEND.value,
                strategy=_STRATEGY.value,
                deterministic=_DETERMINISTIC.value,
                init_from=_INIT_FROM.value,
            ),
        )
        print(gb.reporting.summary_table(summary))
        print(f"Everything about this run is in {workdir}")


@contextlib.contextmanager
def _workers_ended() -> Iterator[None]:
    """Ends this process at once where it is one of several workers.

    TensorFlow's threads would wait for workers that have ended already.
    """
    if _STRATEGY.value != "multi_worker":
        yield
        return
    workers = importlib.import_module("gblend_keras.distribution.workers")
    try:
        yield
    except command.ERRORS as error:
        workers.end_process(f"gblend train: {error}")
    workers.end_process()
