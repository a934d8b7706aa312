"""The estimators by name: every file of this folder with an estimator."""

import importlib
import pkgutil

from gblend_keras import config
from gblend_keras.blending import estimators
from gblend_keras.blending.estimators.estimator import Estimator
from gblend_keras.utils import close_names

NOT_ESTIMATORS = {"estimator", "registry"}  # and what begins with "_"


def names() -> list[str]:
    """Returns the names of all estimators, sorted.

    Example:
        >>> import gblend_keras as gb
        >>> {"probe", "retrain"} <= set(gb.blending.estimators.names())
        True
    """
    found = {
        module.name for module in pkgutil.iter_modules(estimators.__path__)
    }
    return sorted(
        name for name in found - NOT_ESTIMATORS if not name.startswith("_")
    )


def get(name: str, settings: config.BlendSettings | None = None) -> Estimator:
    """Returns an estimator by name.

    Args:
        name: One of `names()`: a file with a class of the same name.
        settings: How G, O and the weights are computed; None for the
            defaults.

    Raises:
        ValueError: If there is no such estimator, or the settings do not suit
            it.

    Example:
        >>> import gblend_keras as gb
        >>> type(gb.blending.estimators.get("probe")).__name__
        'Probe'
    """
    if name not in names():
        raise ValueError(
            f"`estimator` names none. Expected one of {names()}, or a "
            f"gb.blending.Estimator. Received: estimator={name!r}. "
            f"{close_names.did_you_mean(name, names())}Choose one of them."
        )
    module = importlib.import_module(f"{estimators.__name__}.{name}")
    of_module = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Estimator)
        and each.__module__ == module.__name__
    ]
    chosen: type[Estimator] = of_module[0]
    return chosen(settings)


def chosen(
    given: Estimator | str, settings: config.BlendSettings | None
) -> Estimator:
    """Returns the estimator that is given or named.

    Args:
        given: An estimator with settings of its own, or a name.
        settings: Those of the one that is named, or None.

    Raises:
        TypeError: If it is neither.
        ValueError: If settings are given beside an estimator, or the name is
            unknown.
    """
    if isinstance(given, str):
        return get(given, settings)
    if not isinstance(given, Estimator):
        raise TypeError(
            f"`estimator` is none. Expected one of {names()}, or a "
            f"gb.blending.Estimator. Received: {type(given).__name__}. "
            "Leave it out for the default."
        )
    if settings is not None:
        raise ValueError(
            "`settings` and `estimator` exclude each other. Expected one of "
            f"them. Received: estimator={type(given).__name__} and settings. "
            "Give the settings to the estimator."
        )
    return given
