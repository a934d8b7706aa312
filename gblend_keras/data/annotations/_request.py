"""What is asked of a parser, and where its class list is."""

import dataclasses
import itertools
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import _videos


@dataclasses.dataclass(frozen=True)
class Request:
    """What `read_manifest` was asked for.

    Attributes:
        dataset: Name of the data set.
        files: The annotation files.
        videos: The folder of videos, scanned; None: nothing is looked up.
        classes: Files, or folders, with the list of classes; empty: beside
            the annotation files.
        split: Split of every row; None: what the file says.
        validation_groups: Groups whose training segments become validation
            segments; None: the data set's own.
        times: "timestamps" or "frames" (EPIC-Kitchens).
    """

    dataset: str
    files: tuple[Path, ...]
    videos: _videos.VideoFolder | None = None
    classes: tuple[Path, ...] = ()
    split: str | None = None
    validation_groups: tuple[str, ...] | None = None
    times: str = "timestamps"

    def split_of(self, file: Path) -> str:
        """Returns the split of a file's rows: as asked, else by its name."""
        return self.split or _fields.split_of_file(file)

    def find(self, video: str, *, near: str = "") -> str:
        """Finds a whole video; "" when there is none, or no folder."""
        return "" if self.videos is None else self.videos.find(video, near=near)

    def class_file(self, names: Sequence[str], *, word: str = "") -> Path:
        """Finds the class list, or another file of the data set.

        Args:
            names: Its usual names.
            word: Part of its name, when several files were given.

        Raises:
            ValueError: If there is none.
        """
        given = [
            path
            for path in self.classes
            if not path.is_dir() and word in path.name.lower()
        ]
        folders = [path for path in self.classes if path.is_dir()]
        folders = folders or [file.parent for file in self.files]
        beside = [folder / name for folder in folders for name in names]
        for path in given or beside:
            if path.is_file():
                return path
        where = given or list(dict.fromkeys(folders))
        raise ValueError(
            f"`classes` is missing for dataset={self.dataset!r}. Expected one "
            f"of {list(names)} beside the annotations. Received: "
            f"{[str(path) for path in where]}. Pass its path as `classes`."
        )


def numbered_names(path: Path, *, columns: tuple[str, str]) -> tuple[str, ...]:
    """Reads a CSV class list, `number,name,...`, numbered from 0 in order.

    Args:
        path: The file.
        columns: Its column of numbers and its column of names.

    Returns:
        The names, by class index.

    Raises:
        AnnotationError: If the header or a row is bad, or a name comes twice.
    """
    number, name = columns
    counter = itertools.count()

    def parse(row: _rows.Row) -> tuple[str, str]:
        expected = str(next(counter))
        if row.values[number] != expected:
            raise _fields.RowError(
                f"`{number}` is out of order. Expected {expected}. "
                f"Received: {number}={row.values[number]!r}. "
                "Give the complete class list."
            )
        return row.where, row.values[name]

    return _unique(path, _rows.read_csv(path, parse, needed=columns))


def listed_names(path: Path) -> tuple[str, ...]:
    """Reads a class list of one name a line.

    Raises:
        AnnotationError: If a line is empty or comes twice.
    """
    names = [line.strip() for line in _rows.read_lines(path)]
    while names and not names[-1]:
        names.pop()
    return _unique(
        path,
        [
            (f"{path.name}:{number}", name)
            for number, name in enumerate(names, start=1)
        ],
    )


def known_labels(request: Request) -> dict[str, int] | None:
    """Returns name -> index of the classes in `classes`; None: none given."""
    if not request.classes:
        return None
    names = listed_names(request.class_file(("classes.txt",)))
    return {name: index for index, name in enumerate(names)}


def numbered(
    labels: Iterable[str], known: dict[str, int] | None
) -> dict[str, int]:
    """Returns name -> index: as known, else in alphabetical order."""
    if known is not None:
        return known
    return {name: index for index, name in enumerate(sorted(set(labels)))}


def _unique(path: Path, found: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Returns the names of a class list, given where each stands."""
    problems = []
    first: dict[str, str] = {}
    for where, name in found:
        if not name or name in first:
            before = f", as in {first[name]}" if name else ""
            problems.append(
                f"{where}: The class name is empty or comes twice. "
                f"Expected each name once. Received: {name!r}{before}. "
                "Correct the class list."
            )
        first.setdefault(name, where)
    if not found:
        problems = [
            f"{path.name}:1: The file names no class. Expected at least 1. "
            "Received: 0. Give the complete class list."
        ]
    if problems:
        raise _rows.AnnotationError(f"{path} is no class list.", problems)
    return tuple(name for _, name in found)
