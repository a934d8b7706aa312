r"""Trains several methods with several seeds and prints one table.

Examples:
    gblend compare --recipe=utd_mhad --data_dir=DIR --seeds=5
    gblend compare --recipe=utd_mhad --data_dir=DIR --seeds=5 \
        --methods=joint,offline,online --tune=8 --jobs=2

docs/comparing.md has the protocol and says how to read the table.
"""

import sys
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
    "Where the runs go. A stopped comparison found there goes on. "
    "Default: runs/compare_RECIPE.",
    flag_values=FLAGS,
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["modalities", "joint", "uniform", "probe"],
    f"Methods to compare, of: {', '.join(gb.methods.names())}; or a modality's "
    "name, to train it alone.",
    flag_values=FLAGS,
)
_SEEDS = flags.DEFINE_integer(
    "seeds",
    5,
    "How many seeds, from 0 on.",
    lower_bound=1,
    flag_values=FLAGS,
)
_TUNE = flags.DEFINE_integer(
    "tune",
    0,
    "Tries of learning rate and weight decay for each method, chosen on a "
    "validation split of the training set; the first has the recipe's values.",
    lower_bound=0,
    flag_values=FLAGS,
)
_JOBS = flags.DEFINE_integer(
    "jobs",
    1,
    "Runs at a time, each in a process.",
    lower_bound=1,
    flag_values=FLAGS,
)
_TEST = flags.DEFINE_enum(
    "test",
    "t",
    ["t", "wilcoxon"],
    "Paired test against joint training.",
    flag_values=FLAGS,
)
_DETERMINISTIC = common_flags.deterministic(FLAGS)
_SET = common_flags.settings(FLAGS)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `comparison`."""
    command.check_no_words(words)
    workdir = Path(_WORKDIR.value or f"runs/compare_{_RECIPE.value}")
    recipe = common_flags.changed_recipe(str(_RECIPE.value), _SET.value)
    data_dir = common_flags.folder(FLAGS)
    early_checks.check_recipe(recipe, data_dir)
    early_checks.check_all_methods(_METHODS.value, recipe)
    quiet.load_tensorflow()
    with signals.leaving_on_signals():
        comparison = gb.comparison.compare(
            recipe,
            gb.training.Run(
                workdir=workdir,
                data_dir=data_dir,
                deterministic=_DETERMINISTIC.value,
            ),
            methods=_METHODS.value,
            seeds=range(_SEEDS.value),
            tune=_TUNE.value,
            jobs=_JOBS.value,
            test=_TEST.value,
        )
    print(gb.comparison.text_table(comparison))
    print(gb.comparison.describe_runs(workdir, _METHODS.value, seed=0))
    print(f"The runs and comparison.json, .csv, .md, .tex are in {workdir}")
    if not any(row["num_runs"] for row in comparison["rows"]):
        sys.exit("gblend compare: every run has failed.")
