"""Blending: the model, its losses, and the estimate of their weights."""

from .estimate import BlendEstimate as BlendEstimate
from .estimate import read_history as read_history
from .estimators.estimator import Estimator as Estimator
from .estimators.estimator import conclude as conclude
from .estimators.probe import Probe as Probe
from .estimators.retrain import Retrain as Retrain
from .loss_changes import Losses as Losses
from .model import BlendedModel as BlendedModel
from .ogr import blend_weights as blend_weights
from .ogr import overfitting_to_generalization as overfitting_to_generalization
from .rules import Rule as Rule
from .rules import Step as Step
from .super_epochs import Window as Window
