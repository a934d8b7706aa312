"""Measures the towers: parameters, GFLOPs, seconds a forward and a step.

Parameters and GFLOPs are those of the sizes in the paper; the seconds are
measured at a small size, which fits any machine.

Example:
    python tools/benchmark_towers.py
    python tools/benchmark_towers.py --towers=ip_csn_152,audio_152 --repeats=5
"""

import importlib
from collections.abc import Sequence
from typing import Any

from absl import app
from absl import flags

_TOWERS = flags.DEFINE_list(
    "towers", [], "Names of towers; none measures all of them."
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each time is measured; the best counts.", 1
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments, and prints one row a tower."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    # Here, so that --help is quick: it imports TensorFlow.
    benchmark: Any = importlib.import_module("gblend_keras.towers.benchmark")
    print(benchmark.HEADER)
    try:
        for row in benchmark.rows(_TOWERS.value, repeats=_REPEATS.value):
            print(row, flush=True)
    except ValueError as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    app.run(main)
