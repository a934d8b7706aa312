"""Comparison: several methods, several seeds, one table to be trusted.

`compare` runs the protocol of docs/comparing.md; `text_table` shows what it
returns.
"""

from .protocol import METHODS as METHODS
from .protocol import compare as compare
from .tables import csv_table as csv_table
from .tables import describe_runs as describe_runs
from .tables import latex_table as latex_table
from .tables import markdown_table as markdown_table
from .tables import text_table as text_table
