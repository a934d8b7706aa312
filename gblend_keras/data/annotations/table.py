"""Any set of videos, listed in a CSV file of its own."""

import re
from typing import NamedTuple

from gblend_keras.data.annotations import fields
from gblend_keras.data.annotations import request as requests
from gblend_keras.data.annotations import rows
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


def read(request: requests.Request) -> segments.Manifest:
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
    known = requests.known_labels(request)

    def parse(row: rows.Row) -> _Example:
        values = {"start": "", "end": "", "group": "", **row.values}
        return _Example(
            file=_below(values["file"]),
            label=fields.check_label(values["label"], known),
            split=request.split or fields.split_of_word(values["split"]),
            times=fields.span(values, ("start", "end"))
            if values["start"] or values["end"]
            else (None, None),
            group=values["group"],
            where=row.where,
        )

    examples = [
        example
        for file in request.files
        for example in rows.read_csv(
            file, parse, needed=NEEDED, optional=OPTIONAL
        )
    ]
    indices = requests.numbered((each.label for each in examples), known)
    read_segments = []
    for each in examples:
        start, end = each.times
        key = each.file
        if start is not None and end is not None:
            key += f"_{fields.time_text(start)}_{fields.time_text(end)}"
        is_there = request.videos is None or request.videos.has(each.file)
        read_segments.append(
            segments.Segment(
                key=fields.safe_key(key),
                file=each.file if is_there else "",
                start_seconds=start,
                end_seconds=end,
                labels={"label": (indices[each.label],)},
                split=each.split,
                group=each.group,
                where=each.where,
            )
        )
    return segments.Manifest(
        dataset=request.dataset,
        class_names={"label": tuple(indices)},
        segments=segments.moved(read_segments, request.validation_groups or ()),
    )


def _below(file: str) -> str:
    """Returns the path, which must lie below the videos folder."""
    path = file.removeprefix("./")
    if not path or re.search(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)", path):
        raise fields.RowError(
            "`file` is not a path below the videos folder. Expected a path "
            f"such as folder/a.mp4. Received: file={file!r}. "
            "Make it relative to the folder, with `/`."
        )
    return path
