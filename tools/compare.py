"""Trains several blends with several seeds and prints one table.

Example:
    python tools/compare.py --recipe=utd_mhad --data_dir=DIR --seeds=5
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb

_RECIPE = flags.DEFINE_enum(
    "recipe", "digits", gb.recipes.names(), "Recipe to train."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder that holds the data sets' folders."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where the runs go. Default: runs/compare_RECIPE."
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["modalities", "joint", "uniform", "offline", "online"],
    "Blends to compare, as --blend of train.py takes them.",
)
_SEEDS = flags.DEFINE_integer(
    "seeds", 5, "How many seeds, from 0 on.", lower_bound=1
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
        )
        with gb.stopping.leaving_on_signals():
            rows = gb.comparison.compare(
                recipe, run, methods=_METHODS.value, seeds=range(_SEEDS.value)
            )
    except (
        ValueError,
        FloatingPointError,
        ImportError,
        gb.stopping.RunError,
    ) as error:
        sys.exit(f"compare: {error}")
    print(gb.comparison.text_table(rows))
    print(gb.comparison.describe_runs(workdir, _METHODS.value, seed=0))
    print(f"The runs and comparison.md are in {workdir}")


if __name__ == "__main__":
    app.run(main)
