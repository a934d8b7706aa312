"""Estimators: ways to find the weights of a blend; one file each."""

from .estimator import Estimator as Estimator
from .estimator import conclude as conclude
from .retrain import Retrain as Retrain
