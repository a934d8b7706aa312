"""Folders of TFRecord shards: their settings, their index, their checksums.

What is in a record stands in `sequence_examples`; `parsing` reads it back.
"""

import dataclasses
import json
import os
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gblend_keras.data.records.record_format import Example
from gblend_keras.data.records.record_format import Failure
from gblend_keras.data.records.record_format import RecordSet
from gblend_keras.data.records.record_format import RecordSettings
from gblend_keras.data.records.record_format import Shard
from gblend_keras.utils import files

__all__ = [
    "FAILURES",
    "INDEX",
    "Example",
    "Failure",
    "RecordSet",
    "RecordSettings",
    "Shard",
    "check_shards",
    "read_index",
    "read_index_file",
    "write_index",
]

FORMAT = 1
INDEX = "manifest.json"
FAILURES = "failures.csv"


def write_index(records: RecordSet, made_by: Mapping[str, Any]) -> None:
    """Writes `manifest.json`, a line a shard.

    Args:
        records: What the folder holds.
        made_by: Facts that tell one run from another.
    """
    head = {
        "format": FORMAT,
        "dataset": records.dataset,
        "settings": dataclasses.asdict(records.settings),
        "made_by": dict(made_by),
        "multi_label": records.multi_label,
        "counts": {
            split: {
                "examples": sum(len(shard.examples) for shard in shards),
                "failures": sum(len(shard.failures) for shard in shards),
                "bytes": sum(shard.num_bytes for shard in shards),
            }
            for split, shards in records.splits.items()
        },
        "class_names": {
            task: list(names) for task, names in records.class_names.items()
        },
    }
    splits = (
        f"    {json.dumps(split)}: [\n"
        + ",\n".join(f"      {json.dumps(each.to_json())}" for each in shards)
        + "\n    ]"
        for split, shards in records.splits.items()
    )
    text = json.dumps(head, indent=2, allow_nan=False).removesuffix("\n}")
    body = ",\n".join(splits)
    files.write_text(
        records.folder / INDEX, f'{text},\n  "splits": {{\n{body}\n  }}\n}}\n'
    )


def read_index(folder: str | os.PathLike[str]) -> RecordSet:
    """Reads what a finished folder holds, and checks that it is all there.

    Sizes are compared, checksums are not: see `check_shards`.

    Args:
        folder: Where `gblend prepare` wrote.

    Raises:
        ValueError: If the folder is not finished, its index is damaged, or a
            shard is missing or cut short; each is named.

    Example:
        >>> from gblend_keras.data import records
        >>> found = records.read_index("records")
        >>> {split: len(found.examples(split)) for split in found.splits}
        {'train': 8, 'test': 4}
    """
    records, _ = read_index_file(folder)
    _check(records, _size_problem)
    return records


def read_index_file(
    folder: str | os.PathLike[str],
) -> tuple[RecordSet, Mapping[str, Any]]:
    """Reads `manifest.json` without looking at the shards.

    Returns:
        What the folder should hold, and the facts given to `write_index`.

    Raises:
        ValueError: If there is no index, or it is damaged.
    """
    path = Path(folder) / INDEX
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        found = value["format"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(
            f"`folder` has no {INDEX}. Expected a finished folder of "
            f"gblend prepare. Received: folder={str(folder)!r}. "
            "Run the command that makes it, to its end."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    if found != FORMAT:
        raise ValueError(
            f"`folder` is of another format. Expected {FORMAT}. Received: "
            f"format={found!r} in {path}. Make the records again."
        )
    try:
        records = RecordSet(
            folder=Path(folder),
            dataset=str(value["dataset"]),
            settings=RecordSettings(**value["settings"]),
            class_names={
                task: tuple(str(name) for name in names)
                for task, names in value["class_names"].items()
            },
            multi_label=bool(value["multi_label"]),
            splits={
                split: tuple(Shard.from_json(each) for each in shards)
                for split, shards in value["splits"].items()
            },
        )
        return records, value["made_by"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def check_shards(
    folder: str | os.PathLike[str], *, verify: bool = True
) -> RecordSet:
    """Compares all shards with the index; names each that differs.

    Args:
        folder: Where `gblend prepare` wrote.
        verify: Read every byte and compare checksums, not sizes alone.

    Returns:
        What the folder holds.

    Raises:
        ValueError: If a shard is missing, cut short, or has another checksum.

    Example:
        >>> from gblend_keras.data import records
        >>> found = records.check_shards("records")
        >>> sorted(found.splits)
        ['test', 'train']
    """
    records, _ = read_index_file(folder)
    _check(records, _byte_problem if verify else _size_problem)
    return records


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"`folder` has a damaged index. Expected the {INDEX} that "
        f"gblend prepare wrote. Received: {path}: "
        f"{type(error).__name__}: {error}. Remove that file and make the "
        "records again."
    )


def _check(
    records: RecordSet, problem_of: Callable[[Path, Shard], str]
) -> None:
    """Raises when a shard has a problem; names all that have one."""
    problems = [
        f"{shard.file}: {problem}"
        for shards in records.splits.values()
        for shard in shards
        if (problem := problem_of(records.folder / shard.file, shard))
    ]
    if problems:
        shown = "; ".join(problems[:10])
        raise ValueError(
            f"`folder` has {len(problems)} damaged shard(s). Expected what its "
            f"{INDEX} lists. Received: {shown}. Delete these files and run the "
            "command that made them again: it makes them anew, and only them."
        )


def _size_problem(path: Path, shard: Shard) -> str:
    if not path.is_file():
        return "is missing"
    found = path.stat().st_size
    if found != shard.num_bytes:
        return f"has {found} bytes, expected {shard.num_bytes}"
    return ""


def _byte_problem(path: Path, shard: Shard) -> str:
    problem = _size_problem(path, shard)
    if not problem and files.sha256(path) != shard.sha256:
        problem = "has another SHA-256 than was written"
    return problem
