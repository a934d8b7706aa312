"""The zoo: trained networks, public checkpoints and Hub models, by name.

Listing and reading cards loads no TensorFlow.
"""

from .catalog import Entry as Entry
from .registry import card as card
from .registry import entry as entry
from .registry import load as load
from .registry import load_run as load_run
from .registry import names as names
from .registry import path as path
from .registry import published as published
from .registry import recipe as recipe
from .registry import tower as tower
