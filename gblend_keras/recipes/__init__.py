"""Recipes: one module each, with a function `recipe`.

Add a recipe by adding a file. This room loads no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
