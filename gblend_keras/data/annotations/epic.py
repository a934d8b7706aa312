"""EPIC-Kitchens-55 and -100: verb, noun and action of spans of long videos."""

import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import segments

# Baradel et al., ECCV 2018, as remembered, not verified: 1 to 25 train, 26 to
# 31 validate. Some public code has P25 among the latter.
UNSEEN_KITCHENS = ("P26", "P27", "P28", "P29", "P30", "P31")
_COLUMNS = (
    *("participant_id", "video_id", "start_timestamp", "stop_timestamp"),
    *("start_frame", "stop_frame", "verb_class", "noun_class"),
)


class _Form(NamedTuple):
    """How one release writes its files."""

    key: str  # column that numbers the segments
    class_columns: tuple[str, str]  # of the class lists, {} being the task
    class_files: tuple[str, ...]
    validation_groups: tuple[str, ...]


_FORMS: Mapping[str, _Form] = {
    "epic55": _Form(
        key="uid",
        class_columns=("{}_id", "class_key"),
        class_files=("EPIC_{}_classes.csv", "EPIC55_{}_classes.csv"),
        validation_groups=UNSEEN_KITCHENS,
    ),
    "epic100": _Form(
        key="narration_id",
        class_columns=("id", "key"),
        class_files=("EPIC_100_{}_classes.csv",),
        validation_groups=(),
    ),
}


def read(request: _request.Request) -> segments.Manifest:
    """Reads `EPIC_train_action_labels.csv`, `EPIC_100_train.csv` and others.

    There are three tasks. Verbs and nouns are numbered as in the lists of
    classes; an action is a pair of them that training shows, in the order of
    (verb, noun), named "verb noun". A segment of another pair has no action.
    Read the training file along with the others: without it the actions are
    those of the segments read.

    EPIC-Kitchens-55 publishes no validation labels. Following Baradel et al.,
    whole kitchens that training never sees are the validation set:
    `UNSEEN_KITCHENS`, or the participants in `validation_groups`.
    EPIC-Kitchens-100 has its own validation file.

    A video is the file named by its id (`P01_01.MP4`). With
    `times="frames"`, spans are those of the published frames, first to last
    inclusive, for copies of the videos at 60 (those of 2018, `P01_01`) or 50
    (those of 2020, `P01_101`) frames a second.

    Source: Damen et al., ECCV 2018 and IJCV 2022; Baradel et al., ECCV 2018.

    Raises:
        ValueError: If a file is missing or a row is bad.
    """
    form = _FORMS[request.dataset]
    names: dict[str, tuple[str, ...]] = {}
    for task in ("verb", "noun"):
        class_file = request.class_file(
            [name.format(task) for name in form.class_files], word=task
        )
        number, name = (column.format(task) for column in form.class_columns)
        names[task] = _request.numbered_names(
            class_file, columns=(number, name)
        )
    held = request.validation_groups
    held = form.validation_groups if held is None else held
    sizes = {task: len(listed) for task, listed in names.items()}
    read_segments = [
        segment
        for file in request.files
        for segment in _read_file(file, request, form.key, sizes)
    ]
    return _with_actions(
        request.dataset, names, segments.moved(read_segments, held)
    )


def _read_file(
    file: Path,
    request: _request.Request,
    key: str,
    num_classes: Mapping[str, int],
) -> list[segments.Segment]:
    split = request.split_of(file)

    def parse(row: _rows.Row) -> segments.Segment:
        values = row.values
        number = _fields.check_id(values[key], key)
        video, participant = values["video_id"], values["participant_id"]
        match = re.fullmatch(r"(P[0-9]+)_[0-9]+", video)
        if match is None or match.group(1) != participant:
            raise _fields.RowError(
                "`video_id` is not a video of `participant_id`. Expected "
                f"P01_01 for P01. Received: video_id={video!r}, "
                f"participant_id={participant!r}. Correct them."
            )
        start, end = _times(values, video, request.times)
        labels = {
            task: _fields.whole_number(
                values[f"{task}_class"], f"{task}_class", below=size
            )
            for task, size in num_classes.items()
        }
        return segments.Segment(
            key=number if number.startswith(video) else f"{video}_{number}",
            file=request.find(video, near=participant),
            start_seconds=start,
            end_seconds=end,
            labels={task: (index,) for task, index in labels.items()},
            split=split,
            group=participant,
            where=row.where,
        )

    return _rows.read_csv(file, parse, needed=(key, *_COLUMNS))


def _times(
    values: Mapping[str, str], video: str, unit: str
) -> tuple[float, float]:
    if unit == "timestamps":
        return _fields.span(values, ("start_timestamp", "stop_timestamp"))
    first, last = (
        _fields.whole_number(values[name], name)
        for name in ("start_frame", "stop_frame")
    )
    if not 1 <= first <= last:
        raise _fields.RowError(
            "`stop_frame` is before `start_frame`. Expected 1 <= start_frame "
            f"<= stop_frame. Received: start_frame={first}, "
            f"stop_frame={last}. Correct the frames."
        )
    is_of_2020 = len(video.partition("_")[2]) == 3
    rate = 50.0 if is_of_2020 else 60.0
    return (first - 1) / rate, last / rate


def _with_actions(
    dataset: str,
    names: Mapping[str, tuple[str, ...]],
    read_segments: Sequence[segments.Segment],
) -> segments.Manifest:
    pairs = {
        (each.labels["verb"][0], each.labels["noun"][0]): each.split
        for each in sorted(
            read_segments, key=lambda each: each.split == "train"
        )
    }  # the last one counts: a pair is "train" if training shows it
    shown = {pair for pair, split in pairs.items() if split == "train"}
    actions = sorted(shown or pairs)
    indices = {pair: index for index, pair in enumerate(actions)}
    labeled = []
    for each in read_segments:
        pair = each.labels["verb"][0], each.labels["noun"][0]
        action = (indices[pair],) if pair in indices else ()
        labels = {**each.labels, "action": action}
        labeled.append(dataclasses.replace(each, labels=labels))
    action_names = tuple(
        f"{names['verb'][verb]} {names['noun'][noun]}" for verb, noun in actions
    )
    return segments.Manifest(
        dataset=dataset,
        class_names={**names, "action": action_names},
        segments=tuple(labeled),
    )
