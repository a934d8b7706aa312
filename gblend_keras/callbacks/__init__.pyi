"""Callbacks: what happens around the epochs of a `fit`."""

from .cost_log import CostLog as CostLog
from .cost_log import EvaluatedCurve as EvaluatedCurve
from .gradient_blending import GradientBlending as GradientBlending
from .phases import Phase as Phase
from .phases import PhaseStarter as PhaseStarter
from .run_checkpoint import MetricsLog as MetricsLog
from .run_checkpoint import RunCheckpoint as RunCheckpoint
from .run_checkpoint import read_metrics as read_metrics
from .run_checkpoint import restore_newest as restore_newest
from .training_progress import TrainingProgress as TrainingProgress
