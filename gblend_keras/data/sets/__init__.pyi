"""Sets: the data sets that a recipe can name."""

from .registry import LOADERS as LOADERS
from .registry import NAMES as NAMES
from .registry import load as load
