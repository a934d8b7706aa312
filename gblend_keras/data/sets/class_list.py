"""The list of class names that lies beside the arrays of a set."""

import json
from pathlib import Path


def read(path: Path) -> tuple[str, ...]:
    """Reads the names of the classes, in the order of the labels.

    Args:
        path: A JSON file with a list of names.

    Raises:
        ValueError: If it is missing, or no such list.
    """
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, list):
            raise TypeError(type(names).__name__)
        return tuple(str(name) for name in names)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read. Expected a list of class names. "
            f"Received: {type(error).__name__}. Restore the file."
        ) from error
