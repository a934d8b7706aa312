"""Close names: what a mistyped name may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns "Did you mean a or b? ", or "" when no name is close.

    Args:
        name: What was given.
        known: The names that there are.
    """
    close = difflib.get_close_matches(str(name), list(known), n=3)
    return f"Did you mean {' or '.join(close)}? " if close else ""
