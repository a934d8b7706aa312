"""Trains one recipe; without a flag, the embedded set with online G-Blend.

Examples:
    python tools/train.py
    python tools/train.py --recipe=utd_mhad --data_dir=DIR --workdir=DIR
    python tools/train.py --recipe=arrays --set data.path=my.npz --blend=offline
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.distribution import workers
from gblend_keras.utils import signals

_RECIPE = flags.DEFINE_enum(
    "recipe", "digits", gb.recipes.names(), "Recipe to train."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder that holds the data sets' folders."
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Run directory. A stopped run found there goes on. "
    "Default: runs/RECIPE_BLEND_SEED.",
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seeds weights, orders, the holdout and dropout."
)
_BLEND = flags.DEFINE_string(
    "blend",
    "online",
    "The method: "
    + ", ".join(gb.methods.names())
    + "; or one modality's name, to train it alone.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Epochs; short for --set train.epochs=N.", lower_bound=1
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes a setting of the recipe: section.key=value."
)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    "",
    "Trained weights to start from: a name of the zoo or a run directory, or "
    "one for each tower, rgb:RUN,audio:NAME. See docs/fine_tuning.md.",
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "default",
    ["default", "mirrored", "multi_worker", "tpu"],
    "Devices to train on: one; all of this machine; those of several "
    "machines (see tools/launch); a TPU.",
)
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Bit-for-bit repeatable operations; slower."
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `training`."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    settings = list(_SET.value)
    if _EPOCHS.value is not None:
        settings.append(f"train.epochs={_EPOCHS.value}")
    try:
        recipe = gb.config.with_settings(
            gb.recipes.get(_RECIPE.value), settings
        )
        workdir = _WORKDIR.value or (
            f"runs/{_RECIPE.value}_{_BLEND.value}_{_SEED.value}"
        )
        with signals.leaving_on_signals():
            summary = gb.training.train(
                recipe,
                gb.training.Run(
                    workdir=Path(workdir),
                    data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
                    seed=_SEED.value,
                    blend=_BLEND.value,
                    strategy=_STRATEGY.value,
                    deterministic=_DETERMINISTIC.value,
                    init_from=_INIT_FROM.value,
                ),
            )
    except (
        ValueError,
        FloatingPointError,
        ImportError,
        signals.RunError,
    ) as error:
        if _STRATEGY.value == "multi_worker":
            workers.end_process(f"train: {error}")
        sys.exit(f"train: {error}")
    print(gb.reporting.summary_table(summary))
    print(f"Everything about this run is in {workdir}")
    if _STRATEGY.value == "multi_worker":
        workers.end_process()


if __name__ == "__main__":
    app.run(main)
