"""Several methods, several seeds -> one table that can be trusted.

`compare` runs the protocol of docs/comparing.md; `text_table` shows what it
returns.
"""

from gblend_keras.comparison.protocol import METHODS
from gblend_keras.comparison.protocol import compare
from gblend_keras.comparison.tables import csv_table
from gblend_keras.comparison.tables import describe_runs
from gblend_keras.comparison.tables import latex_table
from gblend_keras.comparison.tables import markdown_table
from gblend_keras.comparison.tables import text_table

__all__ = [
    "METHODS",
    "compare",
    "csv_table",
    "describe_runs",
    "latex_table",
    "markdown_table",
    "text_table",
]
