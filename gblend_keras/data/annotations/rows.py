"""Rows of annotation files: read whole, checked one by one, errors by line."""

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from typing import TypeVar

from gblend_keras.data.annotations import segments

T = TypeVar("T")
MOST_SHOWN = 10  # bad rows in one message
SPLIT_WORDS = {
    "train": "train",
    "val": "validation",
    "validate": "validation",  # as some releases of Kinetics write it
    "validation": "validation",
    "test": "test",
}


class Row(NamedTuple):
    """One row, its fields by the names of their columns."""

    where: str  # "file.csv:12"
    values: Mapping[str, str]


class RowError(ValueError):
    """What is wrong with one row; the reader adds file and line."""


class AnnotationError(ValueError):
    """Annotation files with bad rows, each named by file and line.

    Attributes:
        title: What is wrong with the file as a whole.
        problems: One text a bad row, "file.csv:12: ...".
    """

    def __init__(self, title: str, problems: Sequence[str]) -> None:
        self.title = title
        self.problems = tuple(problems)
        more = len(problems) - MOST_SHOWN
        rest = [f"... and {more} more"] if more > 0 else []
        super().__init__("\n  ".join([title, *problems[:MOST_SHOWN], *rest]))

    def __reduce__(self) -> tuple[type, tuple[str, tuple[str, ...]]]:
        return type(self), (self.title, self.problems)


def read_lines(path: Path) -> list[str]:
    """Reads a UTF-8 text file (with or without byte-order mark) as lines.

    Raises:
        ValueError: If the file cannot be read.
        AnnotationError: If a line is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read. Expected an annotation file. Received: "
            f"{error.strerror}. Check the path."
        ) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AnnotationError(
            f"{path} is not a UTF-8 text.",
            [
                f"{path.name}:{line}: The line is not UTF-8. Expected UTF-8. "
                f"Received: byte {content[error.start]:#04x}. "
                "Save the file as UTF-8."
            ],
        ) from error
    return list(io.StringIO(text, newline=""))  # the ends that csv knows


def parse_rows(
    path: Path,
    numbered: Iterable[tuple[int, list[str]]],
    columns: Sequence[str],
    parse: Callable[[Row], T],
) -> list[T]:
    """Parses all rows; every bad one is in the error, not the first alone.

    Args:
        path: The file, for messages.
        numbered: Line number and fields of each row; empty rows are skipped.
        columns: The names of the fields.
        parse: Makes something of a row, or raises `RowError`.

    Returns:
        What `parse` made, in order.

    Raises:
        AnnotationError: If there are bad rows.
    """
    parsed, problems = [], []
    for line, fields in numbered:
        if not fields:
            continue
        where = f"{path.name}:{line}"
        try:
            _check_count(fields, columns)
            values = {
                name: field.strip()
                for name, field in zip(columns, fields, strict=True)
            }
            parsed.append(parse(Row(where, values)))
        except RowError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise AnnotationError(
            f"{path} has bad rows. Received: {len(problems)} of them. "
            "Correct them or take them out:",
            problems,
        )
    return parsed


def read_csv(
    path: Path,
    parse: Callable[[Row], T],
    *,
    needed: Sequence[str],
    optional: Sequence[str] | None = None,
) -> list[T]:
    """Parses a CSV file whose first line names the columns, in any order.

    Args:
        path: The file.
        parse: Makes something of a row, or raises `RowError`.
        needed: Columns that must be there.
        optional: Other columns that may be there; None: any.

    Raises:
        ValueError: If the file cannot be read.
        AnnotationError: If the header or a row is bad.
    """
    rows = numbered_csv(path, read_lines(path))
    columns = [name.strip() for name in rows[0][1]] if rows else []
    missing = [name for name in needed if name not in columns]
    allowed = columns if optional is None else [*needed, *optional]
    unknown = [name for name in columns if name not in allowed]
    if missing or unknown or len(set(columns)) != len(columns):
        others = "" if not optional else f", and of {','.join(optional)}"
        raise AnnotationError(
            f"{path} has a wrong header.",
            [
                f"{path.name}:1: The first line does not name the columns. "
                f"Expected {','.join(needed)}{others}. "
                f"Received: {','.join(columns)!r}. "
                "Give the file of this data set, header included."
            ],
        )
    return parse_rows(path, rows[1:], columns, parse)


def numbered_csv(
    path: Path, lines: Sequence[str], *, first_line: int = 1
) -> list[tuple[int, list[str]]]:
    """Divides CSV lines into fields; blanks after a comma are dropped.

    Raises:
        AnnotationError: If the quotes do not match.
    """
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    rows = []
    line = first_line  # where the row begins; quoted fields may span lines
    try:
        for fields in reader:
            rows.append((line, fields))
            line = reader.line_num + first_line
    except csv.Error as error:
        raise AnnotationError(
            f"{path} is not a CSV file.",
            [
                f"{path.name}:{line}: The row cannot be divided into fields. "
                "Expected quotes around a field, doubled inside it. "
                f"Received: {error}. Mend the quotes."
            ],
        ) from error
    return rows


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
            f"`{name}` is not the id of a video. Expected letters, digits, "
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


def _check_count(fields: Sequence[str], columns: Sequence[str]) -> None:
    if len(fields) != len(columns):
        raise RowError(
            f"The row has a wrong number of fields. Expected {len(columns)}: "
            f"{','.join(columns)}. Received: {len(fields)}. "
            "Quote fields that contain commas."
        )


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
