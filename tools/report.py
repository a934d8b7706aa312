"""Writes report.html of a run or a comparison again, from its folder.

Examples:
    python tools/report.py RUN_DIR
    python tools/report.py COMPARISON_DIR OTHER_DIR

train.py, compare.py and evaluate.py write the page themselves. Write it again
after installing matplotlib (for pictures), while a run is going on, and, for
a comparison, after evaluating runs of it.
"""

import sys
from collections.abc import Sequence

from absl import app

import gblend_keras as gb


def main(argv: Sequence[str]) -> None:
    """Writes one page a folder; the work is done in `reporting`."""
    folders = argv[1:]
    if not folders:
        raise app.UsageError(
            "Expected the folders of runs or comparisons. Received: none. "
            "Name the --workdir of train.py or compare.py."
        )
    for folder in folders:
        try:
            print(gb.reporting.write_report(folder))
        except ValueError as error:
            sys.exit(f"report: {error}")


if __name__ == "__main__":
    app.run(main)
