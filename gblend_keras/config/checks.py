"""What a value of a setting may be, and which names settings once had."""

from collections.abc import Iterable

# Of a tower. Run directories and zoo entries that have them still load.
RENAMED = {"standardise": "standardize"}


def check_not_renamed(names: Iterable[str]) -> None:
    """Raises if a setting has its old name; says the new one.

    Args:
        names: Names of settings of a tower.

    Raises:
        ValueError: If one of them is in `RENAMED`.

    Example:
        >>> import gblend_keras as gb
        >>> gb.config.check_not_renamed(["standardize"])
        >>> gb.config.check_not_renamed(["standardise"])
        Traceback (most recent call last):
            ...
        ValueError: `standardise` has another name now. ...
    """
    for name in names:
        if name in RENAMED:
            raise ValueError(
                f"`{name}` has another name now. Expected {RENAMED[name]}. "
                f"Received: {name}. Write {RENAMED[name]}."
            )


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises unless `low <= value <= high`.

    Example:
        >>> import gblend_keras as gb
        >>> gb.config.check_range("epochs", 10, 1, 100)
        >>> gb.config.check_range("epochs", 0, 1, 100)
        Traceback (most recent call last):
            ...
        ValueError: `epochs` is out of range. Expected 1 to 100. ...
    """
    if not low <= value <= high:
        raise ValueError(
            f"`{name}` is out of range. Expected {low:g} to {high:g}. "
            f"Received: {name}={value}. Choose a value inside."
        )


def check_choice(
    name: str, value: str | float, choices: tuple[str | float, ...]
) -> None:
    """Raises unless `value` is one of `choices`.

    Example:
        >>> import gblend_keras as gb
        >>> kinds = gb.config.TOWER_KINDS
        >>> gb.config.check_choice("kind", "mlp", kinds)
        >>> gb.config.check_choice("kind", "cnn", kinds)
        Traceback (most recent call last):
            ...
        ValueError: `kind` is unknown. ... Choose one of them.
    """
    if value not in choices:
        raise ValueError(
            f"`{name}` is unknown. Expected one of {list(choices)}. "
            f"Received: {name}={value!r}. Choose one of them."
        )
