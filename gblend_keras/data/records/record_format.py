"""What a folder of records is made of: settings, shards, examples, failures."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Literal

from gblend_keras import config


@dataclasses.dataclass(frozen=True)
class RecordSettings:
    """What is stored of every video, and how.

    Attributes:
        frames: Store JPEG frames.
        short_side: Shorter side of the frames and of the flow, in pixels; 0
            leaves the size as it is.
        frame_rate_hz: Frames a second, of the flow too; 0 takes the frames as
            they are.
        jpeg_quality: Of frames and flow, 1 to 100.
        waveform: Store the sound, mixed to one channel.
        sample_rate_hz: Samples of the stored sound in a second.
        log_mel: Store log-mel energies, `audio.vmz_log_mel`.
        flow: Optical flow to store: "dis", "farneback" or "" for none.
        num_shards: Shards of each split; 0 for one per 64 segments.
        min_seconds: A shorter video or segment is "too short".
        max_seconds: Where a longer video or segment is cut; 0 for nowhere.

    Raises:
        ValueError: If a value is out of its range, or nothing is stored.

    Example:
        >>> from gblend_keras.data import records
        >>> settings = records.RecordSettings(short_side=128, log_mel=True)
        >>> settings.frames, settings.sound
        (True, True)
    """

    frames: bool = True
    short_side: int = 256  # room for 224 x 224 crops, as in the paper
    frame_rate_hz: float = 0.0
    jpeg_quality: int = 90
    waveform: bool = False
    sample_rate_hz: int = 16000
    log_mel: bool = False
    flow: Literal["", "dis", "farneback"] = ""
    num_shards: int = 0
    min_seconds: float = 0.1  # three frames; EPIC has segments hardly longer
    max_seconds: float = 0.0

    def __post_init__(self) -> None:
        config.check_range("short_side", self.short_side, 0, 2**14)
        config.check_range("frame_rate_hz", self.frame_rate_hz, 0, 1000)
        config.check_range("jpeg_quality", self.jpeg_quality, 1, 100)
        config.check_range("sample_rate_hz", self.sample_rate_hz, 1000, 384000)
        config.check_choice("flow", self.flow, ("", "dis", "farneback"))
        config.check_range("num_shards", self.num_shards, 0, 10**5)
        config.check_range("min_seconds", self.min_seconds, 0, 3600)
        config.check_range("max_seconds", self.max_seconds, 0, 10**6)
        if not (self.pictures or self.sound):
            raise ValueError(
                "`settings` store nothing. Expected at least one of frames, "
                "waveform, log_mel and flow. Received: none of them. "
                "Set frames=True, say."
            )

    @property
    def pictures(self) -> bool:
        """Whether pictures must be decoded."""
        return self.frames or bool(self.flow)

    @property
    def sound(self) -> bool:
        """Whether sound must be decoded."""
        return self.waveform or self.log_mel


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """What the index knows of one record.

    Attributes:
        key: Its segment's key.
        labels: Task -> class indices.
        group: What must stay together when examples are held out; "" none.
        num_frames: Frames, or flow images, in the record; 0 without.
        has_sound: Whether the record holds a waveform or log-mel energies.
    """

    key: str
    labels: Mapping[str, tuple[int, ...]]
    group: str
    num_frames: int
    has_sound: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """A segment that could not be stored.

    Attributes:
        key: The segment's key.
        file: Its file below the videos folder; "" when none was found.
        reason: Why, in a word or two; see `media.MediaError`, and "crash".
        message: Why, in full.
        where: Where in the annotations it is listed.
        split: Its split.
    """

    key: str
    file: str
    reason: str
    message: str
    where: str
    split: str


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file.

    Attributes:
        file: Its name in the folder.
        num_bytes: Its size.
        sha256: Its checksum.
        examples: What it holds, in order.
        failures: Segments that belong here but could not be stored.
    """

    file: str
    num_bytes: int
    sha256: str
    examples: tuple[Example, ...]
    failures: tuple[Failure, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the shard as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Shard":
        """Makes a shard of what `to_json` returned.

        Raises:
            KeyError: If a field is missing.
            TypeError: If a field is of another kind, or unknown.
        """
        examples = (
            Example(
                **{
                    **each,
                    "labels": {
                        task: tuple(int(label) for label in labels)
                        for task, labels in each["labels"].items()
                    },
                }
            )
            for each in value["examples"]
        )
        failures = (Failure(**each) for each in value["failures"])
        return cls(
            file=str(value["file"]),
            num_bytes=int(value["num_bytes"]),
            sha256=str(value["sha256"]),
            examples=tuple(examples),
            failures=tuple(failures),
        )


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """A finished folder of shards.

    Attributes:
        folder: Where the shards are.
        dataset: Name of the set.
        settings: What is stored, and how.
        class_names: Task -> names of its classes, by class index.
        multi_label: Whether an example may have several classes.
        splits: Split -> its shards, in order.

    Example:
        >>> from gblend_keras.data import records
        >>> found = records.read_index("records")
        >>> found.class_names
        {'label': ('class 0', 'class 1')}
        >>> [path.name for path in found.paths("test")]
        ['test-00000-of-00002.tfrecord', 'test-00001-of-00002.tfrecord']
    """

    folder: Path
    dataset: str
    settings: RecordSettings
    class_names: Mapping[str, tuple[str, ...]]
    multi_label: bool
    splits: Mapping[str, tuple[Shard, ...]]

    def examples(self, split: str) -> tuple[Example, ...]:
        """Returns the examples of a split in the order of its shards."""
        config.check_choice("split", split, tuple(self.splits))
        return tuple(
            example
            for shard in self.splits[split]
            for example in shard.examples
        )

    def paths(self, split: str) -> tuple[Path, ...]:
        """Returns the files of a split in order."""
        config.check_choice("split", split, tuple(self.splits))
        return tuple(self.folder / shard.file for shard in self.splits[split])

    def failures(self) -> tuple[Failure, ...]:
        """Returns all segments that could not be stored."""
        return tuple(
            failure
            for shards in self.splits.values()
            for shard in shards
            for failure in shard.failures
        )
