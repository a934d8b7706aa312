"""Runs tools/train.py, and dies at a point; a program for the kill tests.

python -m tests.journeys.armed KIND NUMBER [FLAG ...]; "never": no point.
"""

import runpy
import sys

from gblend_keras.blending import estimate_progress
from tests.journeys import killer

if __name__ == "__main__":
    kind, number, *given = sys.argv[1:]
    estimate_progress.SHARE = 1e9  # every epoch of an estimate is written
    if kind != "never":
        killer.arm(kind, int(number))
    sys.argv = ["tools/train.py", *given]
    runpy.run_path("tools/train.py", run_name="__main__")
