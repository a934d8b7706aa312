"""Measures what blending costs, the towers, and reading videos.

Examples:
    python tools/benchmark.py
    python tools/benchmark.py step estimate
    python tools/benchmark.py towers --towers=ip_csn_152,audio_152
    python tools/benchmark.py data --videos=DIR --annotations=labels.csv
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb

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
    "grid_color_av",
    gb.recipes.names(),
    "Of the part `data`: how clips are cut, and what is trained.",
)
_VIDEOS = flags.DEFINE_string(
    "videos", None, "Of the part `data`: folder of the videos."
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Of the part `data`: a CSV with file,label,split."
)


def main(argv: Sequence[str]) -> None:
    """Turns arguments into calls of `benchmarks` and prints what they return.

    The arguments are parts: step, estimate, start, memory, towers, data.
    """
    parts = argv[1:] or ["step", "estimate", "start", "memory"]
    try:
        for part in parts:
            if part == "towers":
                for line in gb.benchmarks.tower_lines(
                    _TOWERS.value, repeats=_REPEATS.value
                ):
                    print(line, flush=True)
            else:
                result = (
                    _measure_data()
                    if part == "data"
                    else gb.benchmarks.measure(part, rounds=_ROUNDS.value)
                )
                print(f"{part}: {json.dumps(result, indent=2)}", flush=True)
    except (ValueError, ImportError) as error:
        sys.exit(f"benchmark: {error}")


def _measure_data() -> dict[str, object]:
    if not (_VIDEOS.value and _ANNOTATIONS.value):
        raise app.UsageError(
            "The part `data` needs --videos and --annotations."
        )
    return gb.data_benchmarks.measure(
        gb.recipes.get(_RECIPE.value),
        Path(_VIDEOS.value),
        Path(_ANNOTATIONS.value),
        rounds=_ROUNDS.value,
    )


if __name__ == "__main__":
    app.run(main)
