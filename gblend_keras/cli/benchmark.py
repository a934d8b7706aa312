"""Measures what blending costs, towers, reading videos, whole trainings.

Examples:
    gblend benchmark
    gblend benchmark step estimate
    gblend benchmark towers --towers=ip_csn_152,audio_152
    gblend benchmark data --videos=DIR --annotations=labels.csv
    gblend benchmark training --recipe=utd_mhad --data_dir=DIR
    gblend benchmark blend --methods=uniform,probe,offline --rounds=5

The words are parts: step, estimate, start, memory (these four without any),
towers, data, training, and blend: whole trainings beside joint training.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet

PARTS = ("step", "estimate", "start", "memory")  # without words
OTHER_PARTS = ("towers", "data", "training", "blend")

FLAGS = common_flags.new_flags()
_ROUNDS = flags.DEFINE_integer(
    "rounds",
    15,
    "Interleaved rounds of a comparison.",
    lower_bound=1,
    flag_values=FLAGS,
)
_METHODS = flags.DEFINE_list(
    "methods",
    ["uniform", "probe"],
    "Of the part `blend`: methods to train beside joint training.",
    flag_values=FLAGS,
)
_TOWERS = flags.DEFINE_list(
    "towers",
    [],
    "Names of towers to measure; none measures all of them.",
    flag_values=FLAGS,
)
_REPEATS = flags.DEFINE_integer(
    "repeats",
    3,
    "How often a tower's times are measured; the best counts.",
    lower_bound=1,
    flag_values=FLAGS,
)
_RECIPE = common_flags.recipe(
    FLAGS,
    None,
    "Of the parts `data` (without it grid_color_av), `training` and `blend` "
    "(without it digits): what is trained, and how clips are cut.",
)
_DATA_DIR = common_flags.data_dir(FLAGS)
_SET = common_flags.settings(
    FLAGS, "Of `training` and `blend`: changes a setting of the recipe"
)
_VIDEOS = flags.DEFINE_string(
    "videos",
    None,
    "Of the part `data`: folder of the videos.",
    flag_values=FLAGS,
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations",
    None,
    "Of the part `data`: a CSV with file,label,split.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns words into calls of `benchmarks`, and prints what they return."""
    parts = words or PARTS
    for part in parts:  # all of them, before any work
        gb.config.check_choice("parts", part, (*PARTS, *OTHER_PARTS))
    if "data" in parts and not (_VIDEOS.value and _ANNOTATIONS.value):
        raise command.UsageError(
            "The part `data` needs --videos and --annotations."
        )
    recipe = common_flags.changed_recipe(_RECIPE.value or "digits", _SET.value)
    if {"training", "blend"} & set(parts):
        data_dir = common_flags.folder(FLAGS)
        early_checks.check_recipe(recipe, data_dir)
    if "blend" in parts:
        early_checks.check_all_methods(_METHODS.value, recipe)
    quiet.load_tensorflow()
    for part in parts:
        if part == "towers":
            for line in gb.benchmarks.blending.tower_lines(
                _TOWERS.value, repeats=_REPEATS.value
            ):
                print(line, flush=True)
        else:
            result = _measured(part, recipe)
            print(f"{part}: {json.dumps(result, indent=2)}", flush=True)


def _measured(part: str, recipe: gb.Recipe) -> dict[str, Any]:
    if part == "training":
        return gb.benchmarks.training.measure(
            recipe,
            data_dir=common_flags.folder(FLAGS),
            rounds=_ROUNDS.value,
        )
    if part == "blend":
        return gb.benchmarks.method_cost.measure(
            recipe,
            data_dir=common_flags.folder(FLAGS),
            methods=_METHODS.value,
            rounds=_ROUNDS.value,
        )
    if part == "data":
        return gb.benchmarks.data.measure(
            gb.recipes.get(_RECIPE.value or "grid_color_av"),
            Path(str(_VIDEOS.value)),
            Path(str(_ANNOTATIONS.value)),
            rounds=_ROUNDS.value,
        )
    return gb.benchmarks.blending.measure(part, rounds=_ROUNDS.value)
