"""Optional libraries, with a hint when they are not installed."""

import importlib.util
from typing import Any

_HINT = (
    'Evaluation needs {}. Install it with `pip install "gblend_keras[eval]"`.'
)


def are_installed() -> bool:
    """Returns whether everything that evaluation needs is there."""
    names = ("sklearn", "scipy")
    return all(importlib.util.find_spec(name) is not None for name in names)


def sklearn_metrics() -> Any:
    """Returns `sklearn.metrics`.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:
        from sklearn import metrics
    except ImportError as error:
        raise ImportError(_HINT.format("scikit-learn")) from error
    return metrics


def scipy_stats() -> Any:
    """Returns `scipy.stats`.

    Raises:
        ImportError: If SciPy is not installed.
    """
    try:
        from scipy import stats
    except ImportError as error:
        raise ImportError(_HINT.format("scipy")) from error
    return stats
