"""Optional libraries, with a hint when they are not installed."""

import importlib
import importlib.util
from typing import Any

# What people call the libraries whose module has another name.
_TITLES = {
    "ai_edge_litert": "ai-edge-litert",
    "av": "PyAV",
    "cv2": "OpenCV",
    "espeakng_loader": "espeakng-loader",
    "scipy": "SciPy",
    "sklearn": "scikit-learn",
    "tensorflow_hub": "tensorflow-hub",
}


def load(module: str, *, extra: str, purpose: str) -> Any:
    """Returns a module of an optional library.

        stats = optional.load("scipy.stats", extra="eval", purpose="Evaluation")

    Args:
        module: Its name, with dots where it is inside another one.
        extra: The extra of this package that installs it.
        purpose: What needs it: the first words of the message.

    Raises:
        ImportError: If the library is not installed; says how to install it.
    """
    try:
        importlib.import_module(_library(module))
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(hint(module, extra=extra, purpose=purpose)) from error


def hint(module: str, *, extra: str, purpose: str) -> str:
    """Returns what `load` says when a library is not installed.

    Args:
        module: See `load`.
        extra: See `load`.
        purpose: See `load`.
    """
    library = _library(module)
    return (
        f"{purpose} needs {_TITLES.get(library, library)}. "
        f'Install it with `pip install "gblend_keras[{extra}]"`.'
    )


def are_installed(*libraries: str) -> bool:
    """Returns whether optional libraries are there; loads none of them."""
    return all(importlib.util.find_spec(name) is not None for name in libraries)


def _library(module: str) -> str:
    return module.partition(".")[0]
