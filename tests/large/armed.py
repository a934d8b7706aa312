"""Runs tools/train.py, and dies at a point; a program for the kill tests.

python -m tests.large.armed KIND NUMBER [FLAG ...]; KIND "never" for no point.
"""

import runpy
import sys

from gblend_keras.blending import journal
from tests.large import killer

if __name__ == "__main__":
    kind, number, *given = sys.argv[1:]
    journal.SHARE = 1e9  # every epoch of an estimate is written
    if kind != "never":
        killer.arm(kind, int(number))
    sys.argv = ["tools/train.py", *given]
    runpy.run_path("tools/train.py", run_name="__main__")
