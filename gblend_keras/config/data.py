"""Where examples come from."""

import dataclasses
from typing import Literal

from gblend_keras.config.checks import check_choice
from gblend_keras.config.checks import check_range


@dataclasses.dataclass(frozen=True)
class ClipConfig:
    """How clips are cut out of videos; the defaults are the paper's.

    Attributes:
        task: Which labels: "label", or EPIC's "verb", "noun" or "action".
        num_frames: Frames of a clip.
        stride: Every how many-th frame of the video is one of them.
        crop_size: Height and width of a clip.
        jitter: Training: the short side is drawn from this range.
        short_side: Evaluation: the short side before the crop.
        mirror: Training: half of the clips are mirrored.
        sound: "log_mel" for VMZ's 100 x 40 picture of the clip's span, or
            "spectrogram" for EPIC's 256 x 256 of 1.279 s.
        spec_augment: Training: masks a band and a span of the sound.
        clips_per_epoch: Training: clips of one video in one epoch.
        shuffle_buffer: Videos that are shuffled at a time, beside the shards.
        in_memory: Keep all records in memory: small sets.

    Example:
        >>> import gblend_keras as gb
        >>> clips = gb.config.ClipConfig(num_frames=8, stride=4)
        >>> clips.crop_size, clips.sound
        (224, 'log_mel')
    """

    task: str = "label"
    num_frames: int = 16  # the paper's ablations
    stride: int = 2  # VMZ's --sampling_rate_rgb
    crop_size: int = 224
    jitter: tuple[int, int] = (256, 320)  # remembered, for crops of 224
    short_side: int = 256
    mirror: bool = True
    sound: Literal["log_mel", "spectrogram"] = "log_mel"
    spec_augment: bool = False
    clips_per_epoch: int = 1
    shuffle_buffer: int = 512
    in_memory: bool = False

    def __post_init__(self) -> None:
        check_choice("clips.sound", self.sound, ("log_mel", "spectrogram"))
        for name in ("num_frames", "stride", "clips_per_epoch"):
            check_range(f"clips.{name}", getattr(self, name), 1, 10**4)
        check_range("clips.shuffle_buffer", self.shuffle_buffer, 1, 10**7)
        check_range("clips.crop_size", self.crop_size, 1, 10**4)
        sides = (*self.jitter, self.short_side)
        if len(self.jitter) != 2 or self.jitter[0] > self.jitter[1]:
            raise ValueError(
                "`clips.jitter` is no range. Expected two numbers, the lower "
                f"first. Received: jitter={self.jitter}. Use 256,320."
            )
        if min(sides) < self.crop_size:
            raise ValueError(
                "`clips.crop_size` is larger than a short side. Expected at "
                f"most {min(sides)}, the least of `jitter` and `short_side`. "
                f"Received: crop_size={self.crop_size}. Lower it."
            )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where examples come from.

    Attributes:
        dataset: Name of a set in `data.sets`. "records" are shards that
            `gblend prepare` wrote; "videos" are video files, decoded
            anew each time: for small sets.
        path: File or folder of the set, below `--data_dir` when relative.
        annotations: Of "videos": the annotation file, below `--data_dir`
            when relative.
        manifest: Of "videos": what kind of annotation file; see
            `data.annotations`.
        clips: Of "records" and "videos": how clips are cut.
        modalities: Which modalities are used, in order; empty for all.
        evaluate_on: "test"; or "validation", to choose settings on a part of
            the training set that is then not trained on.
        validation_fraction: Share of the training set in that part.
        validation_by: What that part is made of: "groups" for whole groups
            (new subjects, speakers), "examples" for a draw that is stratified
            by class, or "auto": the set's own validation split, else groups
            where the set has them, else examples.
        batch_size: Examples a step.

    Example:
        >>> import gblend_keras as gb
        >>> data = gb.config.DataConfig(dataset="arrays", path="mine.npz")
        >>> splits = gb.data.load(data, data_dir=".")
        >>> splits.train.shapes
        {'sound': (6,), 'pose': (4,)}
    """

    dataset: str = "digits"
    path: str = ""
    annotations: str = ""
    manifest: str = "csv"
    clips: ClipConfig = ClipConfig()
    modalities: tuple[str, ...] = ()
    evaluate_on: Literal["test", "validation"] = "test"
    validation_fraction: float = 0.2
    validation_by: Literal["auto", "groups", "examples"] = "auto"
    batch_size: int = 32

    def __post_init__(self) -> None:
        check_choice(
            "data.evaluate_on", self.evaluate_on, ("test", "validation")
        )
        check_range(
            "data.validation_fraction", self.validation_fraction, 0.01, 0.9
        )
        check_choice(
            "data.validation_by",
            self.validation_by,
            ("auto", "groups", "examples"),
        )
        check_range("data.batch_size", self.batch_size, 1, 10**6)
