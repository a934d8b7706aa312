"""What a value of a setting may be."""


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
