"""The list of class names that lies beside the arrays of a set."""

import json
from pathlib import Path


def read(path: Path, key: str = "") -> tuple[str, ...]:
    """Reads the names of the classes, in the order of the labels.

    Args:
        path: A JSON file with a list of names.
        key: Where the list is, in a file of several; "" for the file itself.

    Raises:
        ValueError: If it is missing, or no such list.
    """
    wanted = (
        f"the class names under '{key}'" if key else "a list of class names"
    )
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        names = names[key] if key else names
        if not isinstance(names, list):
            raise TypeError(type(names).__name__)
        return tuple(str(name) for name in names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read. Expected {wanted}. "
            f"Received: {type(error).__name__}. Restore the file."
        ) from error
