"""Figures: the pictures of a report, as PNG files or inline SVG."""

from .blend_weights import plot_weights as plot_weights
from .curves import plot_curves as plot_curves
from .style import is_installed as is_installed
