"""Sports-1M: sports for whole YouTube videos."""

import re
from pathlib import Path

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import segments

COLUMNS = ("URL", "labels")
CLASS_FILES = ("labels.txt", "sports1m_labels.txt")


def read(request: _request.Request) -> segments.Manifest:
    """Reads `train_partition.txt` and `test_partition.txt`.

    Each line is `URL label,label`, labels being line numbers, from 0, of
    `labels.txt`, which gives the classes in that order. The class of a video
    is its first label; about one in twenty has further ones, which are kept
    behind it. A video is the file named by the id, `watch?v=ID`.

    Source: Karpathy et al., CVPR 2014; the form of its repository's folder
    `original`.

    Raises:
        ValueError: If a file is missing or a line is bad.
    """
    listed = request.class_file(CLASS_FILES)
    names = _request.listed_names(listed)
    read_segments: list[segments.Segment] = []
    for file in request.files:
        read_segments += _read_file(file, request, len(names))
    return segments.Manifest(
        dataset=request.dataset,
        class_names={"label": names},
        segments=tuple(read_segments),
    )


def _read_file(
    file: Path, request: _request.Request, num_classes: int
) -> list[segments.Segment]:
    split = request.split_of(file)

    def parse(row: _rows.Row) -> segments.Segment:
        url = row.values["URL"]
        match = re.fullmatch(
            r"https?://(?:www\.)?youtube\.com/watch\?v=([A-Za-z0-9_-]+)", url
        )
        if match is None:
            raise _fields.RowError(
                "`URL` names no video. Expected "
                "https://www.youtube.com/watch?v=ID."
                f" Received: URL={url!r}. Correct it."
            )
        video = match.group(1)
        labels = [
            _fields.whole_number(label, "labels", below=num_classes)
            for label in row.values["labels"].split(",")
        ]
        return segments.Segment(
            key=video,
            file=request.find(video),
            start_seconds=None,
            end_seconds=None,
            labels={"label": tuple(dict.fromkeys(labels))},
            split=split,
            group="",
            where=row.where,
        )

    lines = enumerate(_rows.read_lines(file), start=1)
    numbered = ((number, line.split()) for number, line in lines)
    return _rows.parse_rows(file, numbered, COLUMNS, parse)
