"""Training: from a recipe to a run directory."""

from .initial_weights import describe as describe
from .initial_weights import initialize as initialize
from .initial_weights import load_trained as load_trained
from .single_estimate import estimate_blend as estimate_blend
from .single_estimate import estimate_table as estimate_table
from .single_estimate import output_path as output_path
from .single_estimate import subject_of as subject_of
from .trainer import Run as Run
from .trainer import train as train
