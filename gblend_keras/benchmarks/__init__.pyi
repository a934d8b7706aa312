"""Benchmarks: what blending, reading, towers and training cost, measured."""

from . import blending as blending
from . import data as data
from . import frame_reading as frame_reading
from . import method_cost as method_cost
from . import record_workers as record_workers
from . import towers as towers
from . import training as training
