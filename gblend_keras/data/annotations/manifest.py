"""Annotation files of known data sets, and plain CSV, as one list of segments.

`read_manifest` reads them; every bad row is named by file and line.
"""

import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from gblend_keras import config
from gblend_keras.data.annotations import _request
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import _videos
from gblend_keras.data.annotations import audioset
from gblend_keras.data.annotations import epic
from gblend_keras.data.annotations import kinetics
from gblend_keras.data.annotations import mini_sets
from gblend_keras.data.annotations import segments
from gblend_keras.data.annotations import sports1m
from gblend_keras.data.annotations import table

Segment = segments.Segment
Manifest = segments.Manifest
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_READERS: Mapping[str, Callable[[_request.Request], Manifest]] = {
    "kinetics": kinetics.read,
    "sports1m": sports1m.read,
    "audioset": audioset.read,
    "epic55": epic.read,
    "epic100": epic.read,
    "csv": table.read,
}
# Drawn from a whole set: its name, and the draw.
_DRAWS: Mapping[str, tuple[str, Callable[[Manifest], Manifest]]] = {
    "mini_sports": ("sports1m", mini_sets.mini_sports),
    "mini_audioset": ("audioset", mini_sets.mini_audioset),
}
DATASETS = (*_READERS, *_DRAWS)
TIMES = ("timestamps", "frames")


def read_manifest(
    dataset: str,
    annotations: Paths,
    *,
    videos: str | os.PathLike[str] | None = None,
    classes: Paths | None = None,
    split: str | None = None,
    validation_groups: Sequence[str] | None = None,
    times: str = "timestamps",
) -> Manifest:
    """Reads the annotation files of a data set.

    Each parser's module says what files it reads and how it numbers classes.
    A video that is not there is no error here: its segments have `file=""`.
    "mini_sports" and "mini_audioset" read the whole set, then draw the part
    that `subsets` describes, with its defaults.

    Args:
        dataset: One of `DATASETS`.
        annotations: One file, or several that make up the set (training and
            validation, say).
        videos: Folder of the videos, searched once with all folders below it.
            None: no file is looked up.
        classes: The class list, for EPIC-Kitchens those of verbs and of
            nouns, or the folder that holds them. None: beside the annotation
            files; Kinetics and CSV number the labels found, alphabetically.
        split: Puts all segments into "train", "validation" or "test"; None:
            as the files say.
        validation_groups: Groups (EPIC: participants) whose training segments
            become validation segments. None: for "epic55" the six of
            `epic.UNSEEN_KITCHENS`, else none.
        times: "timestamps", or "frames" to take EPIC-Kitchens' frame numbers.

    Returns:
        The segments, with unique keys.

    Raises:
        ValueError: If an argument is wrong or a file is missing.
        AnnotationError: If rows are bad; it names each by file and line.

    Example:
        >>> from gblend_keras.data import annotations
        >>> manifest = annotations.read_manifest(
        ...     "csv", "labels.csv", videos="videos"
        ... )  # a file with the columns file, label, split and group
        >>> len(manifest.segments)
        12
        >>> first = manifest.segments[0]
        >>> first.file, first.labels, first.split
        ('v00.mp4', {'label': (0,)}, 'train')
    """
    config.check_choice("dataset", dataset, DATASETS)
    if split is not None:
        config.check_choice("split", split, segments.SPLITS)
    config.check_choice("times", times, TIMES)
    whole, draw = _DRAWS.get(dataset, (dataset, None))
    request = _request.Request(
        dataset=whole,
        files=_paths("annotations", annotations),
        videos=None if videos is None else _videos.VideoFolder(videos),
        classes=() if classes is None else _paths("classes", classes),
        split=split,
        validation_groups=None
        if validation_groups is None
        else tuple(validation_groups),
        times=times,
    )
    manifest = _READERS[whole](request)
    first: dict[str, Segment] = {}
    problems = []
    for segment in manifest.segments:
        before = first.setdefault(segment.key, segment)
        if before is not segment:
            problems.append(
                f"{segment.where}: The segment is listed twice. Expected each "
                f"once. Received: {segment.key}, as in {before.where}. "
                "Take one of them out."
            )
    if problems:
        raise _rows.AnnotationError("The segments are not unique.", problems)
    if not manifest.segments:
        raise ValueError(
            "`annotations` list no segment. Expected at least 1 row. "
            "Received: 0. Check the files."
        )
    return manifest if draw is None else draw(manifest)


def _paths(name: str, given: Paths) -> tuple[Path, ...]:
    several = [given] if isinstance(given, str | os.PathLike) else given
    paths = tuple(Path(path) for path in several)
    takes_folders = name == "classes"
    wrong = [
        str(path)
        for path in paths
        if not (path.is_file() or (takes_folders and path.is_dir()))
    ]
    if wrong or not paths:
        what = "files or a folder" if takes_folders else "one or more files"
        raise ValueError(
            f"`{name}` is not there. Expected {what}. Received: {wrong}. "
            "Check the paths."
        )
    return paths
