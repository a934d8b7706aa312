"""Kinetics-400, -600 and -700: one label for a span of a YouTube video."""

from typing import NamedTuple

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import _videos
from gblend_keras.data.annotations import segments

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


class _Clip(NamedTuple):
    label: str
    video: str
    times: tuple[float, float]
    split: str
    where: str


def read(request: _request.Request) -> segments.Manifest:
    """Reads files `label,youtube_id,time_start,time_end,split[,is_cc]`.

    Classes are the labels in alphabetical order, or as listed in `classes`
    (a text file, one name a line). Read all splits at once, or pass
    `classes`: the classes of a part need not be those of the whole.

    A video is the file `id_start_end` (whole seconds in six digits; plain
    seconds and milliseconds are found as well), which holds the span alone,
    or `id`, the whole video; in a folder of its class or anywhere else.

    Source: Kay et al., arXiv 1705.06950.

    Raises:
        ValueError: If a file is missing or a row is bad.
    """
    known = _request.known_labels(request)

    def parse(row: _rows.Row) -> _Clip:
        values = row.values
        return _Clip(
            label=_fields.check_label(values["label"], known),
            video=_fields.check_id(values["youtube_id"], "youtube_id"),
            times=_fields.span(values, ("time_start", "time_end")),
            split=request.split or _fields.split_of_word(values["split"]),
            where=row.where,
        )

    clips = [
        clip
        for file in request.files
        for clip in _rows.read_csv(
            file, parse, needed=COLUMNS, optional=("is_cc",)
        )
    ]
    indices = _request.numbered((clip.label for clip in clips), known)
    read_segments = []
    for each in clips:
        file, start, end = _videos.find_cut(
            request.videos, each.video, each.times, near=each.label
        )
        first, last = map(_fields.time_text, each.times)
        read_segments.append(
            segments.Segment(
                key=f"{each.video}_{first}_{last}",
                file=file,
                start_seconds=start,
                end_seconds=end,
                labels={"label": (indices[each.label],)},
                split=each.split,
                group="",
                where=each.where,
            )
        )
    return segments.Manifest(
        dataset=request.dataset,
        class_names={"label": tuple(indices)},
        segments=tuple(read_segments),
    )
