"""Any set of videos, listed in a CSV file of its own."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import _videos
from gblend_keras.data.annotations import segments

NEEDED = ("file", "label", "split")
OPTIONAL = ("start", "end", "group")


class _Example(NamedTuple):
    file: str
    label: str
    split: str
    times: tuple[float | None, float | None]
    group: str
    where: str


def read(request: _request.Request) -> segments.Manifest:
    """Reads files `file,label,split[,start,end,group]`, columns in any order.

    `file` is the path below the videos folder, extension included; `split` is
    train, val, validation or test; `start` and `end` are seconds, or both
    empty for the whole file; `group` is what must stay together when examples
    are held out (a speaker, a subject, a site).

    Classes are the labels in alphabetical order, or as listed in `classes` (a
    text file, one name a line).

    Raises:
        ValueError: If a file is missing or a row is bad.
    """
    known = _request.known_labels(request)

    def parse(row: _rows.Row) -> _Example:
        values = {"start": "", "end": "", "group": "", **row.values}
        path = values["file"].removeprefix("./")
        if not path or re.search(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)", path):
            raise _fields.RowError(
                "`file` is not a path below the videos folder. Expected a "
                f"path such as folder/a.mp4. Received: file={values['file']!r}."
                " Make it relative to the folder, with `/`."
            )
        return _Example(
            file=path,
            label=_fields.check_label(values["label"], known),
            split=request.split or _fields.split_of_word(values["split"]),
            times=_fields.span(values, ("start", "end"))
            if values["start"] or values["end"]
            else (None, None),
            group=values["group"],
            where=row.where,
        )

    examples = [
        example
        for file in request.files
        for example in _rows.read_csv(
            file, parse, needed=NEEDED, optional=OPTIONAL
        )
    ]
    indices = _request.numbered((each.label for each in examples), known)
    read_segments = [
        _segment(each, indices, request.videos) for each in examples
    ]
    return segments.Manifest(
        dataset=request.dataset,
        class_names={"label": tuple(indices)},
        segments=segments.moved(read_segments, request.validation_groups or ()),
    )


def _segment(
    example: _Example,
    indices: Mapping[str, int],
    folder: _videos.VideoFolder | None,
) -> segments.Segment:
    start, end = example.times
    key = example.file
    if start is not None and end is not None:
        key += f"_{_fields.time_text(start)}_{_fields.time_text(end)}"
    is_there = folder is None or folder.has(example.file)
    return segments.Segment(
        key=_fields.safe_key(key),
        file=example.file if is_there else "",
        start_seconds=start,
        end_seconds=end,
        labels={"label": (indices[example.label],)},
        split=example.split,
        group=example.group,
        where=example.where,
    )
