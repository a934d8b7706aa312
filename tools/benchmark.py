"""Measures what blending costs, and the towers.

Examples:
    python tools/benchmark.py
    python tools/benchmark.py step estimate
    python tools/benchmark.py towers --towers=ip_csn_152,audio_152
"""

import json
import sys
from collections.abc import Sequence

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


def main(argv: Sequence[str]) -> None:
    """Turns arguments into calls of `benchmarks` and prints what they return.

    The arguments are parts: step, estimate, start, memory, towers.
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
                result = gb.benchmarks.measure(part, rounds=_ROUNDS.value)
                print(f"{part}: {json.dumps(result, indent=2)}", flush=True)
    except ValueError as error:
        sys.exit(f"benchmark: {error}")


if __name__ == "__main__":
    app.run(main)
