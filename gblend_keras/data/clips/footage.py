"""One video's footage -> the tensors of one example."""

from collections.abc import Callable
from typing import NamedTuple
from typing import Protocol

import tensorflow as tf

from gblend_keras import config
from gblend_keras.data.clips import transforms
from gblend_keras.data.sound import _vmz_mel
from gblend_keras.data.sound import spectrogram
from gblend_keras.data.sound import vmz_picture

RGB = "rgb"
FLOW = "flow"
AUDIO = "audio"


class Footage(Protocol):
    """One video of which parts can be decoded, inside `tf.data`."""

    @property
    def num_frames(self) -> tf.Tensor:
        """How many frames there are, a scalar int32."""

    def frames(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns these frames, `(T, H, W, 3)` uint8."""

    def flow(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns the optical flow at these frames, `(T, H, W, 2)` float32.

        In pixels of the stored size.
        """

    def log_mel(self) -> tf.Tensor:
        """Returns VMZ's log-mel rows of the whole video, `(rows, 40)`."""

    def waveform(self) -> tf.Tensor:
        """Returns the sound of the whole video, 24 kHz, `(S,)` float32."""

    def seconds(self, index: tf.Tensor) -> tf.Tensor:
        """Returns when a frame is shown, from the sound's start."""


class View(NamedTuple):
    """Which part of a video an evaluation looks at.

    Attributes:
        clip: Which of `num_clips` uniformly spaced clips.
        num_clips: How many clips there are.
        crop: Which of `num_crops` crops.
        num_crops: 1 for the centre, 3 along the longer side.
    """

    clip: tf.Tensor | int
    num_clips: int
    crop: tf.Tensor | int
    num_crops: int


def shapes(
    modalities: tuple[str, ...], settings: config.ClipConfig
) -> dict[str, tuple[int, ...]]:
    """Returns the shape of one example, by modality."""
    side = settings.crop_size
    known = {
        RGB: (settings.num_frames, side, side, 3),
        FLOW: (settings.num_frames, side, side, 2),
        AUDIO: {
            "log_mel": (vmz_picture.NUM_ROWS, _vmz_mel.NUM_MEL_BINS, 1),
            "spectrogram": (spectrogram.EPIC_SIZE, spectrogram.EPIC_SIZE, 1),
        }[settings.sound],
    }
    return {name: known[name] for name in modalities}


def training_clip(
    footage: Footage,
    modalities: tuple[str, ...],
    settings: config.ClipConfig,
    seed: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Cuts a random clip: where it starts, its size, its crop, its side.

    RGB and flow are cut alike. Source: VMZ (paper section 3.1 follows CSN).

    Args:
        footage: The video.
        modalities: Some of `RGB`, `FLOW` and `AUDIO`.
        settings: How.
        seed: Shape `(2,)`; everything drawn is a function of it.

    Returns:
        `{modality: tensor}` of the shapes that `shapes` gives, float32.
    """
    start = transforms.temporal_start(footage.num_frames, _span(settings), seed)

    def cut(clip: tf.Tensor, is_flow: bool) -> tf.Tensor:
        low, high = settings.jitter
        sized = transforms.jitter_short_side(clip, low, high, seed)
        if is_flow:
            sized = _scaled_flow(sized, clip)
        cropped = transforms.random_crop(sized, settings.crop_size, seed)
        if not settings.mirror:
            return cropped
        return transforms.mirror(cropped, seed, flow=is_flow)

    example = _visual(footage, modalities, settings, start, cut)
    if AUDIO in modalities:
        sound = _sound(footage, settings, start)
        if settings.spec_augment:
            sound = spectrogram.spec_augment(sound, seed)
        example[AUDIO] = sound[..., None]
    return {name: example[name] for name in modalities}


def evaluation_clip(
    footage: Footage,
    modalities: tuple[str, ...],
    settings: config.ClipConfig,
    view: View,
) -> dict[str, tf.Tensor]:
    """Cuts one of the views that an evaluation averages over.

    Source: paper section 3.1: centre crops of 10 uniformly sampled clips; 30
    crops for Kinetics' state of the art.

    Args:
        footage: The video.
        modalities: Some of `RGB`, `FLOW` and `AUDIO`.
        settings: How.
        view: Which view.
    """
    starts = transforms.uniform_starts(
        footage.num_frames, _span(settings), view.num_clips
    )
    start = tf.gather(starts, view.clip)

    def cut(clip: tf.Tensor, is_flow: bool) -> tf.Tensor:
        sized = transforms.resize_short_side(clip, settings.short_side)
        if is_flow:
            sized = _scaled_flow(sized, clip)
        if view.num_crops == 1:
            return transforms.center_crop(sized, settings.crop_size)
        crops = transforms.three_crops(sized, settings.crop_size)
        return tf.gather(crops, view.crop)

    example = _visual(footage, modalities, settings, start, cut)
    if AUDIO in modalities:
        example[AUDIO] = _sound(footage, settings, start)[..., None]
    return {name: example[name] for name in modalities}


def _span(settings: config.ClipConfig) -> int:
    """Frames of the video that a clip reaches over."""
    return settings.num_frames * settings.stride


def _visual(
    footage: Footage,
    modalities: tuple[str, ...],
    settings: config.ClipConfig,
    start: tf.Tensor,
    cut: Callable[[tf.Tensor, bool], tf.Tensor],
) -> dict[str, tf.Tensor]:
    """Decodes and cuts what can be seen; the last frame fills a short video."""
    indices = transforms.frame_indices(
        start, settings.num_frames, settings.stride, footage.num_frames
    )
    example = {}
    if RGB in modalities:
        clip = cut(footage.frames(indices), False)
        example[RGB] = transforms.normalize(clip)
    if FLOW in modalities:
        example[FLOW] = cut(footage.flow(indices), True)
    wanted = shapes(tuple(example), settings)
    return {
        name: tf.ensure_shape(clip, wanted[name])
        for name, clip in example.items()
    }


def _scaled_flow(sized: tf.Tensor, clip: tf.Tensor) -> tf.Tensor:
    """A flow in pixels grows with the picture."""
    ratio = tf.shape(sized)[1:3] / tf.shape(clip)[1:3]
    return sized * tf.cast(ratio[::-1], tf.float32)  # x is along the width


def _sound(
    footage: Footage, settings: config.ClipConfig, start: tf.Tensor
) -> tf.Tensor:
    if settings.sound == "log_mel":
        return vmz_picture.stretch_rows(
            footage.log_mel(),
            footage.num_frames,
            clip_start=start,
            clip_frames=_span(settings),
        )
    center = tf.minimum(start + _span(settings) // 2, footage.num_frames - 1)
    window = spectrogram.epic_window(
        footage.waveform(), footage.seconds(center)
    )
    return spectrogram.epic_spectrogram(window)
