"""Figures: the pictures of a report, as PNG files or inline SVG."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
