"""AudioSet: several labels for ten seconds of a YouTube video."""

import re
from collections.abc import Mapping
from pathlib import Path

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import _videos
from gblend_keras.data.annotations import segments

COLUMNS = ("YTID", "start_seconds", "end_seconds", "positive_labels")
CLASS_FILES = ("class_labels_indices.csv", "audioset_class_labels_indices.csv")


def read(request: _request.Request) -> segments.Manifest:
    """Reads `balanced_train_segments.csv` and its sisters.

    Comment lines come first, the last of which names the columns; then rows
    `YTID, start, end, "mid,mid"`. The split is in the file's name (`eval` is
    "test"). Classes are the rows of `class_labels_indices.csv`, in its order,
    by their display names; its mids are what the segments name. A label that
    a row repeats counts once.

    A video is the file `id_start_end`, which holds the span alone, or `id`,
    the whole video (see `videos.find_cut`).

    Source: Gemmeke et al., ICASSP 2017.

    Raises:
        ValueError: If a file is missing or a row is bad.
    """
    listed = request.class_file(CLASS_FILES)
    names = _request.numbered_names(listed, columns=("index", "display_name"))
    mids = _request.numbered_names(listed, columns=("index", "mid"))
    indices = {mid: index for index, mid in enumerate(mids)}
    read_segments: list[segments.Segment] = []
    for file in request.files:
        read_segments += _read_file(file, request, indices)
    return segments.Manifest(
        dataset=request.dataset,
        class_names={"label": names},
        segments=tuple(read_segments),
        multi_label=True,
    )


def _read_file(
    file: Path, request: _request.Request, indices: Mapping[str, int]
) -> list[segments.Segment]:
    split = request.split_of(file)

    def parse(row: _rows.Row) -> segments.Segment:
        values = row.values
        video = _fields.check_id(values["YTID"], "YTID")
        times = _fields.span(values, ("start_seconds", "end_seconds"))
        mids = [
            _fields.check_label(mid.strip(), indices, column="positive_labels")
            for mid in values["positive_labels"].split(",")
        ]
        cut, start, end = _videos.find_cut(request.videos, video, times)
        first, last = map(_fields.time_text, times)
        return segments.Segment(
            key=f"{video}_{first}_{last}",
            file=cut,
            start_seconds=start,
            end_seconds=end,
            labels={"label": tuple(dict.fromkeys(indices[m] for m in mids))},
            split=split,
            group="",
            where=row.where,
        )

    lines = _rows.read_lines(file)
    num_comments = _check_comments(file, lines)
    numbered = _rows.numbered_csv(
        file, lines[num_comments:], first_line=num_comments + 1
    )
    return _rows.parse_rows(file, numbered, COLUMNS, parse)


def _check_comments(file: Path, lines: list[str]) -> int:
    """Counts the comment lines; the last one is the header."""
    count = next(
        (row for row, line in enumerate(lines) if not line.startswith("#")),
        len(lines),
    )
    header = lines[count - 1].strip("# \r\n") if count else ""
    if tuple(re.split(r"\s*,\s*", header)) != COLUMNS:
        raise _rows.AnnotationError(
            f"{file} has a wrong header.",
            [
                f"{file.name}:{max(count, 1)}: The last comment line does not "
                f"name the columns. Expected '# {', '.join(COLUMNS)}'. "
                f"Received: {header!r}. "
                "Give the file as AudioSet publishes it."
            ],
        )
    return count
