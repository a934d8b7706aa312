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
    """
    for name in names:
        if name in RENAMED:
            raise ValueError(
                f"`{name}` has another name now. Expected {RENAMED[name]}. "
                f"Received: {name}. Write {RENAMED[name]}."
            )


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises unless `low <= value <= high`."""
    if not low <= value <= high:
        raise ValueError(
            f"`{name}` is out of range. Expected {low:g} to {high:g}. "
            f"Received: {name}={value}. Choose a value inside."
        )


def check_choice(
    name: str, value: str | int, choices: tuple[str | int, ...]
) -> None:
    """Raises unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` is unknown. Expected one of {list(choices)}. "
            f"Received: {name}={value!r}. Choose one of them."
        )
