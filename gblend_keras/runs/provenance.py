"""Provenance: the command and the versions that stand beside every figure."""

import importlib.metadata
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("gblend-keras", "keras", "tensorflow", "numpy", "scipy")


def provenance() -> dict[str, Any]:
    """Returns `command` and `versions`, as every file of results has them.

    Example:
        >>> from gblend_keras.runs import provenance
        >>> sorted(provenance.provenance())
        ['command', 'versions']
    """
    return {"command": command(sys.argv), "versions": versions()}


def command(arguments: list[str]) -> str:
    """Returns a command line as a user would type it.

    Args:
        arguments: `sys.argv`. Its first one may be the path of the installed
            command, of the package, or of a script.
    """
    program, *rest = arguments or [""]
    path = Path(program)
    if path.name in ("gblend", "gblend.exe") or path.parts[-2:] == (
        "gblend_keras",
        "__main__.py",
    ):
        program = "gblend"
    return " ".join([program, *map(shlex.quote, rest)])


def versions() -> dict[str, str]:
    """Returns the versions that a figure may depend on."""
    found = {}
    for name in PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        found[name.replace("-", "_")] = version
    return found | {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
    }
