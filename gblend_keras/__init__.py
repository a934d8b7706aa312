"""Gradient-Blending for Keras 3 and TensorFlow.

Public names are loaded when they are first used: importing this package, or
asking a tool for --help, loads no TensorFlow.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "BlendEstimate": "blending.estimate",
    "BlendSettings": "config",
    "BlendedModel": "blending.model",
    "Examples": "data.arrays",
    "GradientBlending": "blending.callback",
    "Recipe": "config",
    "RunCheckpoint": "checkpointing",
    "Splits": "data.arrays",
    "blend_weights": "blending.ogr",
    "build_application": "towers.application",
    "build_audio_resnet": "towers.audio_resnet",
    "build_conv1d": "towers.conv1d",
    "build_conv2d": "towers.conv2d",
    "build_conv3d": "towers.conv3d",
    "build_csn": "towers.csn",
    "build_hub": "towers.hub",
    "build_mc3": "towers.resnet3d",
    "build_mlp": "towers.mlp",
    "build_pointnet": "towers.pointnet",
    "build_r2plus1d": "towers.r2plus1d",
    "build_resnet3d": "towers.resnet3d",
    "build_transformer": "towers.transformer",
    "convert_checkpoint": "checkpoints.convert",
    "evaluate_model": "evaluation.evaluate",
    "fold_indices": "data.holdout",
    "fuse": "network",
    "initialise": "initialising",
    "export_model": "exporting",
    "late_fusion": "network",
    "load_converted": "checkpoints.convert",
    "make_dataset": "data.pipeline",
    "make_training_dataset": "data.pipeline",
    "overfitting_to_generalisation": "blending.ogr",
    "read_history": "blending.history",
    "restore_newest": "checkpointing",
    "split_holdout": "data.pipeline",
    "split_tower": "towers.stages",
    "stage_outputs": "towers.stages",
    "upper_like": "towers.stages",
}
_MODULES = (
    "benchmarks",
    "building",
    "cluster",
    "comparison",
    "config",
    "data",
    "data_benchmarks",
    "distribution",
    "estimating",
    "evaluation",
    "exporting",
    "initialising",
    "methods",
    "predicting",
    "recipes",
    "reporting",
    "runs",
    "stopping",
    "training",
    "training_benchmark",
    "zoo",
)
# Modules with classes that `keras.models.load_model` must find.
_REGISTERING = (
    "blending.model",
    "fusion.bottleneck",
    "fusion.mid_concat",
    "towers.depthwise",
    "towers.hub",
    "towers.hub_media",
    "towers.pointnet",
    "zoo.model",
)

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(module, name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Makes Keras know our classes as soon as Keras itself is loaded.

    `keras.models.load_model` finds registered classes only. Registering ours
    needs Keras, and importing this package must not load it.
    """

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run_keras = spec.loader.exec_module

            def run_then_register(module: ModuleType) -> None:
                run_keras(module)
                _register_classes()

            spec.loader.exec_module = run_then_register  # type: ignore[method-assign]
        return spec


def _register_classes() -> None:
    for name in _REGISTERING:
        importlib.import_module(f"{__name__}.{name}")


if "keras" in sys.modules:
    _register_classes()
else:
    sys.meta_path.insert(0, _AfterKeras())
