"""Fields of annotation rows: times, labels, splits, ids; and names of them."""

import hashlib
import math
import re
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path

from gblend_keras.data.annotations import segments

SPLIT_WORDS = {
    "train": "train",
    "val": "validation",
    "validate": "validation",  # as some releases of Kinetics write it
    "validation": "validation",
    "test": "test",
}


class RowError(ValueError):
    """What is wrong with one row; the reader adds file and line."""


def span(
    values: Mapping[str, str], names: tuple[str, str]
) -> tuple[float, float]:
    """Reads the start and the end of a row, in seconds.

    Args:
        values: The row; times are seconds ("12", "12.5") or "HH:MM:SS.ss".
        names: The columns of start and end.

    Raises:
        RowError: If one is no time, or the span is empty.
    """
    start, end = (_seconds(values[name], name) for name in names)
    if end <= start:
        raise RowError(
            f"`{names[1]}` is not after `{names[0]}`. Expected an end after "
            f"the start. Received: {names[0]}={values[names[0]]}, "
            f"{names[1]}={values[names[1]]}. Correct the times."
        )
    return start, end


def whole_number(text: str, name: str, *, below: int | None = None) -> int:
    """Reads a whole number >= 0, such as a class index.

    Raises:
        RowError: If it is none, or not below `below`.
    """
    number = int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None
    if number is None or (below is not None and number >= below):
        limit = "" if below is None else f" and <= {below - 1}"
        raise RowError(
            f"`{name}` is unknown. Expected a whole number >= 0{limit}. "
            f"Received: {name}={text!r}. "
            "Check that the class list belongs to these rows."
        )
    return number


def check_label(
    name: str, known: Collection[str] | None, *, column: str = "label"
) -> str:
    """Returns the name of a class.

    Args:
        name: The field.
        known: The classes; None: any name will do.
        column: Its column, for messages.

    Raises:
        RowError: If the field is empty, or there is no such class.
    """
    if not name or (known is not None and name not in known):
        wanted = "a name" if known is None else f"one of {len(known)} classes"
        raise RowError(
            f"`{column}` is an unknown label. Expected {wanted}. "
            f"Received: {column}={name!r}. "
            "Check the spelling, or add the class to the class list."
        )
    return name


def split_of_word(word: str) -> str:
    """Reads a field that names a split.

    Raises:
        RowError: If it names none.
    """
    if word.lower() not in SPLIT_WORDS:
        raise RowError(
            f"`split` is unknown. Expected one of {list(SPLIT_WORDS)}. "
            f"Received: split={word!r}. Rename it."
        )
    return SPLIT_WORDS[word.lower()]


def split_of_file(path: Path) -> str:
    """Reads the split off a file's name, as in `eval_segments.csv`.

    Raises:
        ValueError: If the name holds no split, or several.
    """
    words = {"train": "train", "val": "validation", "test": "test"}
    words["eval"] = "test"
    name = path.stem.lower().replace("eval", "test")
    found = {split for word, split in words.items() if word in name}
    if len(found) != 1:
        raise ValueError(
            f"{path.name} does not say which split it is. Expected train, "
            f"val, eval or test in the name. Received: {path}. "
            f"Pass `split`, one of {list(segments.SPLITS)}."
        )
    return found.pop()


def check_id(text: str, name: str) -> str:
    """Returns the id of a video, which names its file.

    Raises:
        RowError: If it cannot be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise RowError(
            f"`{name}` is not an id. Expected letters, digits, "
            f"`_` and `-`. Received: {name}={text!r}. Take the row from the "
            "original file (spreadsheets turn ids into formulas)."
        )
    return text


def safe_key(text: str) -> str:
    """Makes a key of any text: unchanged if it is safe, else with a digest."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")
    if safe == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape"))
    return f"{safe[-100:]}-{digest.hexdigest()[:12]}"


def time_text(seconds: float) -> str:
    """Writes a time as Kinetics' file names do: 6 digits, else milliseconds."""
    whole = round(seconds)
    return f"{whole:06d}" if whole == seconds else f"{seconds:010.3f}"


def _seconds(text: str, name: str) -> float:
    match = re.fullmatch(
        r"([0-9]+):([0-5][0-9]):([0-5][0-9](?:\.[0-9]+)?)", text
    )
    if match:
        hours, minutes, seconds = match.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise RowError(
            f"`{name}` is not a time. Expected seconds >= 0, or HH:MM:SS. "
            f"Received: {name}={text!r}. Correct it."
        )
    return value
