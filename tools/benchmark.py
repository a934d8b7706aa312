"""Measures what blending costs, towers, reading videos, whole trainings.

Examples:
    python tools/benchmark.py
    python tools/benchmark.py step estimate
    python tools/benchmark.py towers --towers=ip_csn_152,audio_152
    python tools/benchmark.py data --videos=DIR --annotations=labels.csv
    python tools/benchmark.py training --recipe=utd_mhad --data_dir=DIR
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.benchmarks import blending
from gblend_keras.benchmarks import data
from gblend_keras.benchmarks import training

_ROUNDS = flags.DEFINE_integer(
    "rounds", 15, "Interleaved rounds of the step comparison.", lower_bound=1
)
_TOWERS = flags.DEFINE_list(
    "towers", [], "Names of towers to measure; none measures all of them."
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often a tower's times are measured; the best counts.", 1
)

_RECIPE = flags.DEFINE_enum(
    "recipe",
    None,
    gb.recipes.names(),
    "Of the parts `data` (default: grid_color_av) and `training` (default: "
    "digits): what is trained, and how clips are cut.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Of the part `training`: folder that holds the data sets' folders.",
)
_SET = flags.DEFINE_multi_string(
    "set",
    [],
    "Of the part `training`: changes a setting of the recipe: "
    "section.key=value.",
)
_VIDEOS = flags.DEFINE_string(
    "videos", None, "Of the part `data`: folder of the videos."
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Of the part `data`: a CSV with file,label,split."
)
_OTHER_PARTS = ("towers", "data", "training")


def main(argv: Sequence[str]) -> None:
    """Turns arguments into calls of `benchmarks` and prints what they return.

    The arguments are parts: step, estimate, start, memory, towers, data,
    training.
    """
    parts = argv[1:] or blending.PARTS
    try:
        for part in parts:  # all of them, before any work
            gb.config.check_choice(
                "parts", part, (*blending.PARTS, *_OTHER_PARTS)
            )
        for part in parts:
            if part == "towers":
                for line in blending.tower_lines(
                    _TOWERS.value, repeats=_REPEATS.value
                ):
                    print(line, flush=True)
            else:
                result = _measured(part)
                print(f"{part}: {json.dumps(result, indent=2)}", flush=True)
    except (ValueError, ImportError) as error:
        sys.exit(f"benchmark: {error}")


def _measured(part: str) -> dict[str, Any]:
    if part == "training":
        return training.measure(
            gb.config.with_settings(
                gb.recipes.get(_RECIPE.value or "digits"), _SET.value
            ),
            data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
            rounds=_ROUNDS.value,
        )
    if part != "data":
        return blending.measure(part, rounds=_ROUNDS.value)
    if not (_VIDEOS.value and _ANNOTATIONS.value):
        raise app.UsageError(
            "The part `data` needs --videos and --annotations."
        )
    return data.measure(
        gb.recipes.get(_RECIPE.value or "grid_color_av"),
        Path(_VIDEOS.value),
        Path(_ANNOTATIONS.value),
        rounds=_ROUNDS.value,
    )


if __name__ == "__main__":
    app.run(main)
