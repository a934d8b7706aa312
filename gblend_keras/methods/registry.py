"""The methods by name: every other file of this folder but `base`."""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

from gblend_keras import methods
from gblend_keras.utils import close_names

if TYPE_CHECKING:
    from gblend_keras.methods import base

NOT_METHODS = {"base", "registry"}  # the other modules beside this file
SIDE_BY_SIDE = "modalities"  # its file serves a single modality too
Options = Mapping[str, Mapping[str, float]]  # {method: {option: value}}


def names() -> list[str]:
    """Returns the names of all methods, sorted.

    Beside these, the name of a modality is a method: it trains alone.

    Example:
        >>> import gblend_keras as gb
        >>> {"joint", "offline", "online", "uniform"} <= set(gb.methods.names())
        True
    """
    found = {module.name for module in pkgutil.iter_modules(methods.__path__)}
    return sorted(found - NOT_METHODS)


def get(
    name: str,
    *,
    modalities: Iterable[str] = (),
    options: Options | None = None,
) -> "base.Method":
    """Returns a method by name.

    Args:
        name: One of `names()`, or of `modalities`.
        modalities: Names of the data's modalities.
        options: `{method: {option: value}}`; the method's own are used.

    Raises:
        ValueError: If there is no such method, or one of the methods in
            `options` does not exist or has no such option.

    Example:
        >>> import gblend_keras as gb
        >>> rule = gb.methods.get("pcgrad").new_rule()
        >>> isinstance(rule, gb.Rule)
        True
    """
    check_options(options or {})
    if name in set(modalities) - set(names()):
        return _module(SIDE_BY_SIDE).alone(name)
    _check_name("blend", name, [*names(), *modalities])
    chosen = (options or {}).get(name, {})
    build = _module(name).method
    defaults = {key: each.default for key, each in _options(name).items()}
    return build(
        **{key: type(defaults[key])(value) for key, value in chosen.items()}
    )


def check_options(options: Options) -> None:
    """Raises unless all these methods exist and have these options.

    Example:
        >>> import gblend_keras as gb
        >>> gb.methods.check_options({"gradnorm": {"alpha": 1.5}})
    """
    for name, values in options.items():
        _check_name("methods", name, names())
        known = _options(name)
        for key, value in values.items():
            if key not in known:
                raise ValueError(
                    f"Method '{name}' has no such option. Expected one of "
                    f"{list(known)}. Received: {key}. Check the spelling."
                )
            if isinstance(known[key].default, int) and value != int(value):
                raise ValueError(
                    f"`methods.{name}.{key}` is not whole. Expected an "
                    f"integer. Received: {value}. Round it."
                )


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}")


def _options(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(_module(name).method).parameters


def check_name(
    argument: str,
    name: str,
    modalities: Iterable[str] = (),
    *,
    complete: bool = True,
) -> None:
    """Raises unless a method or a modality has this name.

    Args:
        argument: Where the name was given, to be named in the sentence.
        name: What was given.
        modalities: Names of the data's modalities, as far as known.
        complete: Whether these are all of them. If not, any name may be a
            modality but one that is close to a method's.

    Raises:
        ValueError: If there is none; close names are listed.

    Example:
        >>> import gblend_keras as gb
        >>> gb.methods.check_name("blend", "online")
        >>> gb.methods.check_name("blend", "rgb", modalities=["rgb", "audio"])
    """
    known = [*names(), *modalities]
    if complete or difflib.get_close_matches(name, names(), n=1, cutoff=0.75):
        _check_name(argument, name, known)


def _check_name(argument: str, name: str, known: list[str]) -> None:
    if name in known:
        return
    advice = close_names.did_you_mean(name, known)
    raise ValueError(
        f"`{argument}` names no method. Expected one of {known}. "
        f"Received: {argument}={name!r}. {advice}Choose one of them."
    )
