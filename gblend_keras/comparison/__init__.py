"""Several methods, several seeds -> one table that can be trusted.

`compare` runs the protocol of docs/comparing.md; `text_table` shows what it
returns. Modules are loaded when they are first used: reading a comparison
needs no TensorFlow.
"""

import importlib
from typing import Any

_HOMES = {
    "METHODS": "protocol",
    "compare": "protocol",
    "csv_table": "tables",
    "describe_runs": "tables",
    "latex_table": "tables",
    "markdown_table": "tables",
    "text_table": "tables",
}

__all__ = [
    "METHODS",
    "compare",
    "csv_table",
    "describe_runs",
    "latex_table",
    "markdown_table",
    "text_table",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
