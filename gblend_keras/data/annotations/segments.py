"""What every annotation file becomes: segments of videos, with labels."""

import dataclasses
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A span of one video, with its labels.

    Attributes:
        key: Names the segment; unique in its manifest, and safe as a part of
            a file name (ASCII letters, digits, `.`, `_` and `-`).
        file: Path below the videos folder; "" when no file was found.
        start_seconds: Where the segment begins in `file`; None: at its start.
        end_seconds: Where it ends; None: at the file's end.
        labels: Task -> class indices. The task is "label"; for EPIC-Kitchens
            "verb", "noun" and "action". An EPIC action that training never
            shows has no index: `()`.
        split: One of `SPLITS`.
        group: What must stay together when examples are held out (EPIC: the
            participant, hence the kitchen); "" when unknown.
        where: The row that it was read from, as "file.csv:12".

    Example:
        >>> from gblend_keras.data.annotations import Segment
        >>> segment = Segment(
        ...     key="v00", file="v00.mp4", start_seconds=1.0, end_seconds=3.5,
        ...     labels={"label": (1,)}, split="train", group="", where="",
        ... )
        >>> segment.end_seconds - segment.start_seconds
        2.5
    """

    key: str
    file: str
    start_seconds: float | None
    end_seconds: float | None
    labels: Mapping[str, tuple[int, ...]]
    split: str
    group: str
    where: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """All segments of a data set.

    Attributes:
        dataset: The name that it was read by.
        class_names: Task -> names of its classes, by class index.
        segments: In the order of the files' rows.
        multi_label: Whether a segment may have several labels, each of which
            counts (sigmoid). Otherwise the first label is the class (softmax);
            Sports-1M names further ones for some videos.

    Example:
        >>> from gblend_keras.data import annotations
        >>> manifest = annotations.read_manifest("csv", "labels.csv")
        >>> manifest.class_names  # of the column "label" of labels.csv
        {'label': ('class 0', 'class 1')}
        >>> [each.file for each in manifest.in_split("test")]
        ['v08.mp4', 'v09.mp4', 'v10.mp4', 'v11.mp4']
    """

    dataset: str
    class_names: Mapping[str, tuple[str, ...]]
    segments: tuple[Segment, ...]
    multi_label: bool = False

    def in_split(self, split: str) -> tuple[Segment, ...]:
        """Returns the segments of one split, in order."""
        return tuple(each for each in self.segments if each.split == split)


def moved(
    read: Sequence[Segment], groups: Collection[str]
) -> tuple[Segment, ...]:
    """Makes the training segments of some groups validation segments."""
    return tuple(
        dataclasses.replace(each, split="validation")
        if each.split == "train" and each.group in groups
        else each
        for each in read
    )
