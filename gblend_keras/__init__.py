"""Gradient-Blending for Keras 3 and TensorFlow.

The table of contents is `__init__.pyi`. Its names are loaded when they are
first used: importing this package loads no TensorFlow.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import lazy_loader

from gblend_keras.utils import close_names

__version__ = "0.1.0"

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

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        advice = close_names.did_you_mean(name, __all__).strip()
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}"
            + (f". {advice}" if advice else "")
        )
    return _attached(name)


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
