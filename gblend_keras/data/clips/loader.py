"""Record folders and video folders -> the splits of a recipe."""

from collections.abc import Mapping
from collections.abc import Sequence
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gblend_keras import config
from gblend_keras.data import example_set
from gblend_keras.data.annotations import manifest
from gblend_keras.data.clips import clip_set
from gblend_keras.data.clips import footage
from gblend_keras.data.clips import record_library
from gblend_keras.data.clips import video_library
from gblend_keras.data.media import reader
from gblend_keras.data.records import record_index

PROBES = 8  # files that are looked into at a time
SHOWN = 3  # problems that an error lists


class Labeled(NamedTuple):
    """What is known of the examples of one split before they are read."""

    keys: Sequence[str]
    labels: Sequence[tuple[int, ...]]
    groups: Sequence[str]


def load_records(
    settings: config.DataConfig, folder: str | Path
) -> example_set.Splits:
    """Loads the shards that `gblend prepare` wrote.

    Without a test split, the validation split is the test, as the paper has
    it for Kinetics. Frames are modality "rgb", flow is "flow", and sound
    "audio".

    Args:
        settings: The data part of a recipe.
        folder: The shards' folder.

    Raises:
        ValueError: If the folder is damaged, or lacks a split, a task or a
            modality that is asked for.

    Example:
        >>> import gblend_keras as gb
        >>> from gblend_keras.data import clips
        >>> settings = gb.config.DataConfig(dataset="records")
        >>> splits = clips.load_records(settings, "records")
        >>> splits.train.shapes
        {'rgb': (16, 224, 224, 3), 'audio': (100, 40, 1)}
        >>> len(splits.train), splits.class_names
        (8, ('class 0', 'class 1'))
    """
    found = record_index.read_index(folder)
    names = _class_names(found.class_names, settings.clips.task, str(folder))
    stored = {
        footage.RGB: found.settings.frames,
        footage.FLOW: bool(found.settings.flow),
        footage.AUDIO: _has_sound(found.settings, settings.clips),
    }
    modalities = _modalities(
        settings, [name for name, there in stored.items() if there]
    )

    def examples(split: str) -> clip_set.ClipExamples:
        listed = found.examples(split)
        silent = [each.key for each in listed if not each.has_sound]
        if footage.AUDIO in modalities and silent:
            raise ValueError(
                f"{len(silent)} records have no sound. Expected sound in all, "
                f"for 'audio' is used. Received: {silent[:SHOWN]}. "
                "Set data.modalities to the others."
            )
        library = record_library.ShardLibrary(
            found,
            split,
            in_memory=settings.clips.in_memory,
            shuffle_buffer=settings.clips.shuffle_buffer,
        )
        labeled = Labeled(
            [each.key for each in listed],
            [each.labels[settings.clips.task] for each in listed],
            [each.group for each in listed],
        )
        return _clip_examples(
            library,
            labeled,
            len(names),
            found.multi_label,
            modalities,
            settings,
        )

    present = {name for name in found.splits if found.examples(name)}
    return _splits({name: examples(name) for name in present}, names, folder)


def load_videos(
    settings: config.DataConfig, folder: Path, annotations: Path
) -> example_set.Splits:
    """Loads an annotation file; its videos are decoded when they are read.

    Args:
        settings: The data part of a recipe.
        folder: The videos' folder.
        annotations: The annotation file.

    Raises:
        ValueError: If a row is bad, a video is missing or cannot be read, or
            a split, a task or a modality is missing.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> from gblend_keras.data import clips
        >>> settings = gb.config.DataConfig(dataset="videos")
        >>> splits = clips.load_videos(
        ...     settings, Path("videos"), Path("labels.csv")
        ... )
        >>> splits.train.shapes
        {'rgb': (16, 224, 224, 3), 'audio': (100, 40, 1)}
        >>> len(splits.train), splits.class_names
        (8, ('class 0', 'class 1'))
    """
    found = manifest.read_manifest(
        settings.manifest, annotations, videos=folder
    )
    task = settings.clips.task
    names = _class_names(found.class_names, task, str(annotations))
    modalities = _modalities(settings, [footage.RGB, footage.AUDIO])
    spans = _look_up_all(folder, found.segments, footage.AUDIO in modalities)

    def examples(split: str) -> clip_set.ClipExamples:
        rows = [
            row
            for row, segment in enumerate(found.segments)
            if segment.split == split
        ]
        library = video_library.VideoLibrary(
            [spans[row] for row in rows],
            short_side=max(*settings.clips.jitter, settings.clips.short_side),
        )
        labeled = Labeled(
            [found.segments[row].key for row in rows],
            [found.segments[row].labels[task] for row in rows],
            [found.segments[row].group for row in rows],
        )
        return _clip_examples(
            library,
            labeled,
            len(names),
            found.multi_label,
            modalities,
            settings,
        )

    present = {segment.split for segment in found.segments}
    return _splits({name: examples(name) for name in present}, names, folder)


def _look_up_all(
    folder: Path, segments: Sequence[manifest.Segment], sound: bool
) -> list[video_library.Span]:
    """Looks into every file; an error names the first that are unusable."""

    def look_up(segment: manifest.Segment) -> video_library.Span | str:
        if not segment.file:
            return f"{segment.key} is missing ({segment.where})"
        try:
            return video_library.look_up(
                folder / segment.file,
                segment.start_seconds,
                segment.end_seconds,
                sound=sound,
            )
        except reader.MediaError as error:
            return f"{segment.file}: {error.reason} ({segment.where})"

    with futures.ThreadPoolExecutor(PROBES) as pool:
        answers = list(pool.map(look_up, segments))
    problems = [answer for answer in answers if isinstance(answer, str)]
    if problems:
        raise ValueError(
            f"`data.path` has {len(problems)} videos that cannot be used. "
            f"Expected all {len(segments)} of the annotations. Received: "
            f"{'; '.join(problems[:SHOWN])}. Remove these rows, or make "
            "records with gblend prepare, which goes past them."
        )
    return [answer for answer in answers if not isinstance(answer, str)]


def _clip_examples(
    library: record_library.Library,
    labeled: Labeled,
    num_classes: int,
    multi_label: bool,
    modalities: tuple[str, ...],
    settings: config.DataConfig,
) -> clip_set.ClipExamples:
    # EPIC: a verb and a noun that never met in training are no action.
    videos = np.flatnonzero([len(each) > 0 for each in labeled.labels])
    kept = [labeled.labels[row] for row in videos.tolist()]
    if multi_label:
        labels = np.zeros((len(kept), num_classes), np.float32)
        for row, each in enumerate(kept):
            labels[row, list(each)] = 1
    else:  # the first, where Sports-1M gives several
        labels = np.array([each[0] for each in kept], dtype=np.int64)
    groups = np.array(labeled.groups, dtype=str)[videos]
    return clip_set.ClipExamples(
        library=library,
        videos=videos,
        labels=labels,
        modalities=modalities,
        settings=settings.clips,
        keys=np.array(labeled.keys, dtype=str)[videos],
        groups=groups if len(groups) and (groups != "").all() else None,
    )


def _class_names(
    by_task: Mapping[str, tuple[str, ...]], task: str, where: str
) -> tuple[str, ...]:
    if task not in by_task:
        raise ValueError(
            f"`clips.task` is not labelled. Expected one of {list(by_task)}. "
            f"Received: task={task!r} for {where}. Choose one of them."
        )
    return by_task[task]


def _modalities(
    settings: config.DataConfig, stored: Sequence[str]
) -> tuple[str, ...]:
    wanted = settings.modalities or tuple(stored)
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise ValueError(
            "`data.modalities` asks for what is not stored. Expected some of "
            f"{list(stored)}. Received: {missing}. Correct the names, or make "
            "the records again with what is missing."
        )
    return wanted


def _has_sound(
    stored: record_index.RecordSettings, settings: config.ClipConfig
) -> bool:
    """Says if the records hold the sound that these clips need."""
    if settings.sound == "log_mel":
        return stored.log_mel or (
            stored.waveform and stored.sample_rate_hz == 16000
        )
    return stored.waveform and stored.sample_rate_hz == 24000


def _splits(
    parts: Mapping[str, clip_set.ClipExamples],
    names: tuple[str, ...],
    folder: str | Path,
) -> example_set.Splits:
    test = "test" if "test" in parts else "validation"
    if "train" not in parts or test not in parts:
        raise ValueError(
            f"{folder} lacks a split. Expected 'train', and 'test' or "
            f"'validation'. Received: {sorted(parts)}. "
            "Add the annotations of the missing split."
        )
    return example_set.Splits(
        train=parts["train"],
        test=parts[test],
        validation=parts.get("validation") if test == "test" else None,
        class_names=names,
    )
