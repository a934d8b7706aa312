"""Runs: the folder that a training leaves, and what is read back from it."""

from .directory import read_identity as read_identity
from .loader import FinishedRun as FinishedRun
from .loader import load_model as load_model
from .loader import load_run as load_run
