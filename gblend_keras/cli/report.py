"""Writes report.html of a run or a comparison again, from its folder.

Examples:
    gblend report RUN_DIR
    gblend report COMPARISON_DIR OTHER_DIR

Training, comparing and evaluating write the page themselves. Write it again
after installing matplotlib (for pictures), while a run is going on, and, for
a comparison, after evaluating runs of it.
"""

from collections.abc import Sequence

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags

FLAGS = common_flags.new_flags()


def run(words: Sequence[str]) -> None:
    """Writes one page a folder; the work is done in `reporting`."""
    if not words:
        raise command.UsageError(
            "Expected the folders of runs or comparisons. Received: none. "
            "Name the --workdir of gblend train or gblend compare."
        )
    for folder in words:
        print(gb.reporting.write_report(folder))
