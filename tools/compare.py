"""Trains several methods with several seeds and prints one table.

Examples:
    python tools/compare.py --recipe=utd_mhad --data_dir=DIR --seeds=5
    python tools/compare.py --recipe=utd_mhad --data_dir=DIR --seeds=5 \
        --methods=joint,offline,online --tune=8 --jobs=2

docs/comparing.md has the protocol and says how to read the table.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb
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
    "Where the runs go. A stopped comparison found there goes on. "
    "Default: runs/compare_RECIPE.",
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["modalities", "joint", "uniform", "offline", "online"],
    "Methods to compare, as --blend of train.py takes them.",
)
_SEEDS = flags.DEFINE_integer(
    "seeds", 5, "How many seeds, from 0 on.", lower_bound=1
)
_TUNE = flags.DEFINE_integer(
    "tune",
    0,
    "Tries of learning rate and weight decay for each method, chosen on a "
    "validation split of the training set; the first has the recipe's values.",
    lower_bound=0,
)
_JOBS = flags.DEFINE_integer(
    "jobs", 1, "Runs at a time, each in a process.", lower_bound=1
)
_TEST = flags.DEFINE_enum(
    "test", "t", ["t", "wilcoxon"], "Paired test against joint training."
)
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Bit-for-bit repeatable operations; slower."
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes a setting of the recipe: section.key=value."
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `comparison`."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    workdir = Path(_WORKDIR.value or f"runs/compare_{_RECIPE.value}")
    try:
        recipe = gb.config.with_settings(
            gb.recipes.get(_RECIPE.value), _SET.value
        )
        run = gb.training.Run(
            workdir=workdir,
            data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
            deterministic=_DETERMINISTIC.value,
        )
        with signals.leaving_on_signals():
            comparison = gb.comparison.compare(
                recipe,
                run,
                methods=_METHODS.value,
                seeds=range(_SEEDS.value),
                tune=_TUNE.value,
                jobs=_JOBS.value,
                test=_TEST.value,
            )
    except (
        ValueError,
        FloatingPointError,
        ImportError,
        signals.RunError,
    ) as error:
        sys.exit(f"compare: {error}")
    print(gb.comparison.text_table(comparison))
    print(gb.comparison.describe_runs(workdir, _METHODS.value, seed=0))
    print(f"The runs and comparison.json, .csv, .md, .tex are in {workdir}")
    if not any(row["num_runs"] for row in comparison["rows"]):
        sys.exit("compare: every run has failed.")


if __name__ == "__main__":
    app.run(main)
