"""Building: from a recipe and its data to a compiled model."""

from .model_builder import build_model as build_model
from .model_builder import build_network as build_network
from .model_builder import penalize_kernels as penalize_kernels
from .optimizer_builder import learning_rate as learning_rate
from .optimizer_builder import make_optimizer as make_optimizer
from .optimizer_builder import make_schedule as make_schedule
from .tower_builder import build_tower as build_tower
from .tower_builder import standardization as standardization
