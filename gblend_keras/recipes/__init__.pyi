"""Recipes: one module each, with a function `recipe`.

Add a recipe by adding a file. This room loads no TensorFlow.
"""

from .registry import get as get
from .registry import names as names
