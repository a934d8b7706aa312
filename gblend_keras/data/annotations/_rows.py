"""Rows of annotation files: read whole, checked one by one, errors by line."""

import csv
import io
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from typing import TypeVar

from gblend_keras.data.annotations import _fields

T = TypeVar("T")
MOST_SHOWN = 10  # bad rows in one message


class Row(NamedTuple):
    """One row, its fields by the names of their columns."""

    where: str  # "file.csv:12"
    values: Mapping[str, str]


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
        parse: Makes something of a row, or raises `fields.RowError`.

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
            if len(fields) != len(columns):
                raise _fields.RowError(
                    "The row has a wrong number of fields. Expected "
                    f"{len(columns)}: {','.join(columns)}. "
                    f"Received: {len(fields)}. "
                    "Quote fields that contain commas."
                )
            values = {
                name: field.strip()
                for name, field in zip(columns, fields, strict=True)
            }
            parsed.append(parse(Row(where, values)))
        except _fields.RowError as error:
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
        parse: Makes something of a row, or raises `fields.RowError`.
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
