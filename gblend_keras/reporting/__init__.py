"""Runs and comparisons as text, pictures and pages. Loads no TensorFlow."""

from gblend_keras.reporting.curves import plot_curves
from gblend_keras.reporting.drawing import is_installed
from gblend_keras.reporting.estimates import plot_weights
from gblend_keras.reporting.folders import read_summary
from gblend_keras.reporting.tables import summary_table
from gblend_keras.reporting.tables import weights_table
from gblend_keras.reporting.writing import refresh_report
from gblend_keras.reporting.writing import write_report

__all__ = [
    "is_installed",
    "plot_curves",
    "plot_weights",
    "read_summary",
    "refresh_report",
    "summary_table",
    "weights_table",
    "write_report",
]
