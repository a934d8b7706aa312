"""Callbacks: what happens around the epochs of a `fit`."""

from .cost_log import CostLog as CostLog
from .evaluated_curve import EvaluatedCurve as EvaluatedCurve
from .gradient_blending import GradientBlending as GradientBlending
from .metrics_log import MetricsLog as MetricsLog
from .metrics_log import read_metrics as read_metrics
from .phases import Phase as Phase
from .phases import PhaseStarter as PhaseStarter
from .pool_calibration import CalibratePool as CalibratePool
from .run_checkpoint import RunCheckpoint as RunCheckpoint
from .run_checkpoint import restore_newest as restore_newest
from .training_progress import TrainingProgress as TrainingProgress
