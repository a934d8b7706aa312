"""Gradient-Blending for Keras 3 and TensorFlow: the table of contents.

Names are loaded when they are first used.
"""

from . import benchmarks as benchmarks
from . import blending as blending
from . import building as building
from . import callbacks as callbacks
from . import comparison as comparison
from . import config as config
from . import converters as converters
from . import data as data
from . import distribution as distribution
from . import evaluation as evaluation
from . import export as export
from . import fusion as fusion
from . import methods as methods
from . import recipes as recipes
from . import reporting as reporting
from . import runs as runs
from . import towers as towers
from . import training as training
from . import zoo as zoo
from .blending.estimate import BlendEstimate as BlendEstimate
from .blending.estimate import read_history as read_history
from .blending.model import BlendedModel as BlendedModel
from .blending.ogr import blend_weights as blend_weights
from .blending.ogr import (
    overfitting_to_generalization as overfitting_to_generalization,
)
from .blending.rules import Rule as Rule
from .callbacks.gradient_blending import GradientBlending as GradientBlending
from .callbacks.run_checkpoint import RunCheckpoint as RunCheckpoint
from .callbacks.run_checkpoint import restore_newest as restore_newest
from .config import BlendSettings as BlendSettings
from .config import Recipe as Recipe
from .converters.converter import convert_checkpoint as convert_checkpoint
from .converters.converter import load_converted as load_converted
from .data.datasets import make_dataset as make_dataset
from .data.datasets import make_training_dataset as make_training_dataset
from .data.datasets import split_holdout as split_holdout
from .data.example_set import Examples as Examples
from .data.example_set import Splits as Splits
from .data.holdout import fold_indices as fold_indices
from .data.training_set import TrainingSet as TrainingSet
from .evaluation.evaluator import evaluate_model as evaluate_model
from .export.exporter import export_model as export_model
from .fusion.network import fuse as fuse
from .fusion.network import late_fusion as late_fusion
from .towers.application import build_application as build_application
from .towers.audio_resnet import build_audio_resnet as build_audio_resnet
from .towers.conv import build_conv1d as build_conv1d
from .towers.conv import build_conv2d as build_conv2d
from .towers.conv import build_conv3d as build_conv3d
from .towers.csn import build_csn as build_csn
from .towers.hub import build_hub as build_hub
from .towers.mlp import build_mlp as build_mlp
from .towers.pointnet import build_pointnet as build_pointnet
from .towers.r2plus1d import build_r2plus1d as build_r2plus1d
from .towers.resnet3d import build_mc3 as build_mc3
from .towers.resnet3d import build_resnet3d as build_resnet3d
from .towers.stages import split_tower as split_tower
from .towers.stages import stage_outputs as stage_outputs
from .towers.stages import upper_like as upper_like
from .towers.transformer import build_transformer as build_transformer
from .training.initial_weights import initialize as initialize

__version__: str
