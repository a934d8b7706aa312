"""Measures what blending costs: steps, estimates, imports, memory.

Examples:
    python tools/benchmark.py
    python tools/benchmark.py --parts=step,estimate
"""

import json
import sys
from collections.abc import Sequence

from absl import app
from absl import flags

import gblend_keras as gb

_PARTS = flags.DEFINE_list(
    "parts",
    ["step", "estimate", "start", "memory"],
    "What to measure: step, estimate, start, memory.",
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 15, "Interleaved rounds of the step comparison.", lower_bound=1
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into calls of `benchmarks` and prints what they return."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    for part in _PARTS.value:
        try:
            result = gb.benchmarks.measure(part, rounds=_ROUNDS.value)
        except ValueError as error:
            sys.exit(f"benchmark: {error}")
        print(f"{part}: {json.dumps(result, indent=2)}", flush=True)


if __name__ == "__main__":
    app.run(main)
