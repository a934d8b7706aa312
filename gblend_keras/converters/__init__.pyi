"""Converters: public checkpoints of others as Keras networks."""

from .contract import InputContract as InputContract
from .converter import Report as Report
from .converter import convert_checkpoint as convert_checkpoint
from .converter import load_converted as load_converted
