"""Estimators: ways to find the weights of a blend; one file each."""

from .estimator import Estimator as Estimator
from .estimator import conclude as conclude
from .probe import Probe as Probe
from .registry import get as get
from .registry import names as names
from .retrain import Retrain as Retrain
