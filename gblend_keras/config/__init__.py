"""Settings as frozen dataclasses: the one place where a default lives.

A module for each section of a recipe; all are used as `config.NAME`.
"""

from gblend_keras.config.blend import BLEND_BEFORE
from gblend_keras.config.blend import BlendConfig
from gblend_keras.config.blend import BlendSettings
from gblend_keras.config.checks import check_choice
from gblend_keras.config.checks import check_not_renamed
from gblend_keras.config.checks import check_range
from gblend_keras.config.data import ClipConfig
from gblend_keras.config.data import DataConfig
from gblend_keras.config.fusion import FUSIONS
from gblend_keras.config.fusion import FusionConfig
from gblend_keras.config.fusion import check_fusion
from gblend_keras.config.overrides import with_settings
from gblend_keras.config.recipe import Recipe
from gblend_keras.config.towers import TOWER_KINDS
from gblend_keras.config.towers import TowerConfig
from gblend_keras.config.train import PRECISIONS
from gblend_keras.config.train import TrainConfig

__all__ = [
    "BLEND_BEFORE",
    "BlendConfig",
    "BlendSettings",
    "ClipConfig",
    "DataConfig",
    "FUSIONS",
    "FusionConfig",
    "PRECISIONS",
    "Recipe",
    "TOWER_KINDS",
    "TowerConfig",
    "TrainConfig",
    "check_choice",
    "check_fusion",
    "check_not_renamed",
    "check_range",
    "with_settings",
]
