"""Export: a trained model as a file that runs without Keras."""

from .exporter import Exported as Exported
from .exporter import describe as describe
from .exporter import export_model as export_model
from .exporter import load_source as load_source
