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


class _Registering(importlib.abc.MetaPathFinder):
    """Makes Keras know our classes as soon as Keras itself is loaded.

    `keras.models.load_model` finds registered classes only. Registering ours
    needs Keras, and importing this package must not load it. Where one of our
    modules loads Keras, it is loaded to its end first: what registers imports
    it.
    """

    def __init__(self) -> None:
        self._depth = 0  # of our modules that are being loaded

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        is_ours = name.startswith(f"{__name__}.")
        if not is_ours and name != "keras":
            return None
        found = (
            finder.find_spec(name, path, target)
            for finder in sys.meta_path
            if finder is not self
        )
        spec = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            self._register_after(spec.loader, is_ours=is_ours)
        return spec

    def _register_after(self, loader: Any, *, is_ours: bool) -> None:
        load = loader.exec_module

        def load_then_register(module: ModuleType) -> None:
            self._depth += is_ours
            try:
                load(module)
            finally:
                self._depth -= is_ours
            keras_is_there = not is_ours or "keras" in sys.modules
            if not self._depth and keras_is_there and self in sys.meta_path:
                sys.meta_path.remove(self)
                _register_classes()

        loader.exec_module = load_then_register


def _register_classes() -> None:
    for name in _REGISTERING:
        importlib.import_module(f"{__name__}.{name}")


if "keras" in sys.modules:
    _register_classes()
else:
    sys.meta_path.insert(0, _Registering())
