"""Reporting: runs and comparisons as text, pictures and pages.

Loads no TensorFlow.
"""

from .figures.blend_weights import plot_weights as plot_weights
from .figures.curves import plot_curves as plot_curves
from .figures.style import is_installed as is_installed
from .run_data import read_summary as read_summary
from .text_tables import summary_table as summary_table
from .text_tables import weights_table as weights_table
from .writer import refresh_report as refresh_report
from .writer import write_report as write_report
