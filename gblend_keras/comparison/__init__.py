"""Comparison: several methods, several seeds, one table to be trusted.

`compare` runs the protocol of docs/comparing.md; `text_table` shows what it
returns.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
