"""Frames -> clips of a network: size, crop, mirror, time, normalisation.

Plain TensorFlow, the same eagerly and inside `tf.data`. A clip is
`(T, H, W, C)`, uint8 or floating. Nothing here keeps a state: what is random
takes a `seed`, an integer tensor of shape `(2,)`, and gives the same for the
same seed. Each operation draws numbers of its own from it, so that one seed
may serve all operations on a clip.
"""

from typing import Any

import numpy as np
import tensorflow as tf

# Of RGB values in 0..255. Source: VMZ, ops/av_input_op.h.
VMZ_MEAN = (110.201, 100.64, 95.9966)
VMZ_DEVIATION = (58.1489, 56.4701, 55.3324)
# What keeps the draws of two operations with one seed apart.
_JITTER, _CROP_ROW, _CROP_COLUMN, _MIRROR, _START = range(5)


def resize_short_side(clip: tf.Tensor, short_side: Any) -> tf.Tensor:
    """Scales a clip to a shorter side, keeping its aspect.

    Bilinear without smoothing, as VMZ (OpenCV) does it. Optical flow keeps
    its values: they stay in pixels of the size it was computed at.

    Args:
        clip: Shape `(T, H, W, C)`.
        short_side: Pixels; an integer, or a scalar integer tensor.

    Returns:
        Shape `(T, H', W', C)`, float32; the longer side is rounded.

    Raises:
        ValueError: If the clip has another number of axes.
    """
    clip = _as_clip(clip)
    sides = _sides(clip)
    shortest = tf.reduce_min(sides)
    scale = tf.cast(short_side, tf.float64) / tf.cast(shortest, tf.float64)
    scaled = tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32)
    resized = tf.image.resize(clip, scaled, method="bilinear")
    known = tf.get_static_value(scaled)
    height, width = (None, None) if known is None else known
    return tf.ensure_shape(
        resized, (clip.shape[0], height, width, clip.shape[3])
    )


def jitter_short_side(
    clip: tf.Tensor, low: int, high: int, seed: tf.Tensor
) -> tf.Tensor:
    """Scales a clip to a random shorter side.

    Args:
        clip: Shape `(T, H, W, C)`.
        low: Smallest shorter side, in pixels.
        high: Largest one, which may be drawn too.
        seed: Shape `(2,)`.

    Returns:
        Shape `(T, H', W', C)`, float32.

    Raises:
        ValueError: If the range is empty, or the clip has other axes.
    """
    if not 1 <= low <= high:
        raise ValueError(
            "`low` and `high` span no size. Expected 1 <= low <= high. "
            f"Received: low={low}, high={high}. Use 256 and 320 for crops of "
            "224."
        )
    return resize_short_side(clip, _draw(seed, _JITTER, high - low + 1) + low)


def random_crop(clip: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Cuts the same random square out of every frame.

    Args:
        clip: Shape `(T, H, W, C)`, sides of at least `size`.
        size: Side of the square in pixels.
        seed: Shape `(2,)`.

    Returns:
        Shape `(T, size, size, C)`, of the clip's dtype.

    Raises:
        ValueError: If the clip has other axes, or is known to be too small;
            `tf.errors.InvalidArgumentError` where its size is known only when
            it runs.
    """
    clip = _as_clip(clip)
    spare = _spare(clip, size)
    row = _draw(seed, _CROP_ROW, spare[0] + 1)
    column = _draw(seed, _CROP_COLUMN, spare[1] + 1)
    return _cut(clip, row, column, size)


def center_crop(clip: tf.Tensor, size: int) -> tf.Tensor:
    """Cuts the square in the middle out of every frame.

    Args:
        clip: Shape `(T, H, W, C)`, sides of at least `size`.
        size: Side of the square in pixels.

    Returns:
        Shape `(T, size, size, C)`, of the clip's dtype.

    Raises:
        ValueError: See `random_crop`.
    """
    clip = _as_clip(clip)
    spare = _spare(clip, size)
    return _cut(clip, spare[0] // 2, spare[1] // 2, size)


def three_crops(clip: tf.Tensor, size: int) -> tf.Tensor:
    """Cuts three squares that span the longer side.

    Left, middle and right of a wide clip; top, middle and bottom of a high
    one. Along the shorter side they lie in the middle.

    Source: Wang et al., Non-local neural networks, CVPR 2018; VMZ's test of
    10 clips x 3 crops.

    Args:
        clip: Shape `(T, H, W, C)`, sides of at least `size`.
        size: Side of the squares in pixels.

    Returns:
        Shape `(3, T, size, size, C)`, of the clip's dtype.

    Raises:
        ValueError: See `random_crop`.
    """
    clip = _as_clip(clip)
    spare = _spare(clip, size)
    wide = spare[1] >= spare[0]
    middle = spare // 2
    crops = []
    for place in (tf.zeros_like(spare), middle, spare):
        row = tf.where(wide, middle[0], place[0])
        column = tf.where(wide, place[1], middle[1])
        crops.append(_cut(clip, row, column, size))
    return tf.stack(crops)


def mirror(
    clip: tf.Tensor, seed: tf.Tensor, *, flow: bool = False
) -> tf.Tensor:
    """Swaps left and right of every second clip, drawn at random.

    Args:
        clip: Shape `(T, H, W, C)`.
        seed: Shape `(2,)`. The clips of one example get the same one.
        flow: Whether the clip is optical flow, `(right, down)` a pixel. What
            moved right moves left in the mirror: its sign changes.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: If the clip has other axes, or flow has an unsigned dtype.
    """
    clip = _as_clip(clip)
    if flow and clip.dtype.is_unsigned:
        raise ValueError(
            "`clip` holds codes of flow. Expected a floating dtype. Received: "
            f"dtype={clip.dtype.name}. Call `decode_flow` first."
        )
    mirrored = tf.reverse(clip, axis=[2])
    if flow:
        mirrored *= tf.constant([-1, 1], clip.dtype)
    drawn = _draw(seed, _MIRROR, 2)
    return tf.where(tf.equal(drawn, 1), mirrored, clip)


def temporal_start(num_frames: Any, needed: Any, seed: tf.Tensor) -> tf.Tensor:
    """Draws where in a video a training clip begins.

    Args:
        num_frames: Frames of the video; an integer or a scalar tensor.
        needed: Frames that the clip spans, strides included.
        seed: Shape `(2,)`.

    Returns:
        Scalar int32 in 0..`num_frames - needed`; 0 if the video is shorter.
    """
    return _draw(seed, _START, _last_start(num_frames, needed) + 1)


def uniform_starts(
    num_frames: Any, needed: Any, num_clips: int = 10
) -> tf.Tensor:
    """Spreads the clips of an evaluation over a video.

    Clip i begins at `floor(i * last / (num_clips - 1))`, `last` being
    `num_frames - needed`; a single clip lies in the middle.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.1: 10 uniformly sampled
    clips.

    Args:
        num_frames: Frames of the video; an integer or a scalar tensor.
        needed: Frames that a clip spans, strides included.
        num_clips: How many. At least 1.

    Returns:
        Shape `(num_clips,)`, int32, ascending; zeros if the video is shorter.

    Raises:
        ValueError: If `num_clips` is not positive.
    """
    if num_clips < 1:
        raise ValueError(
            "`num_clips` is too small. Expected >= 1. "
            f"Received: num_clips={num_clips}. The paper takes 10."
        )
    last = tf.cast(_last_start(num_frames, needed), tf.int64)
    if num_clips == 1:
        return tf.cast(last[None] // 2, tf.int32)
    places = tf.range(num_clips, dtype=tf.int64)
    return tf.cast(places * last // (num_clips - 1), tf.int32)


def frame_indices(
    start: Any, num_frames: int, stride: int, available: Any
) -> tf.Tensor:
    """Lists the frames of a clip; past the end, the last one is repeated.

    Args:
        start: First frame; an integer or a scalar tensor.
        num_frames: Frames of the clip.
        stride: Frames from one to the next.
        available: Frames of the video, at least 1.

    Returns:
        Shape `(num_frames,)`, int32, for `tf.gather`.
    """
    wanted = tf.cast(start, tf.int32) + stride * tf.range(num_frames)
    return tf.minimum(wanted, tf.cast(available, tf.int32) - 1)


def normalize(
    clip: tf.Tensor,
    mean: Any = VMZ_MEAN,
    deviation: Any = VMZ_DEVIATION,
) -> tf.Tensor:
    """Subtracts a mean and divides by a deviation, channel by channel.

    Args:
        clip: Shape `(..., C)`; RGB in 0..255 for the defaults.
        mean: C numbers, or one.
        deviation: C numbers, or one.

    Returns:
        The same shape, float32.
    """
    # A product: graphs turn a division by a constant into one anyway, and
    # would differ from eager results in the last bit.
    factor = 1 / np.asarray(deviation, np.float32)
    values = tf.cast(clip, tf.float32) - tf.constant(mean, tf.float32)
    return values * tf.constant(factor, tf.float32)


def decode_flow(codes: tf.Tensor, bound: float) -> tf.Tensor:
    """Turns the 8-bit codes of `flow.encode_flow` into flow.

    Args:
        codes: Any shape, uint8.
        bound: That of the encoding, in pixels.

    Returns:
        The same shape, float32, in pixels.
    """
    return (tf.cast(codes, tf.float32) - 128.0) * (bound / 127)


def _as_clip(clip: tf.Tensor) -> tf.Tensor:
    clip = tf.convert_to_tensor(clip)
    if clip.shape.rank != 4:
        raise ValueError(
            "`clip` is no clip. Expected (frames, height, width, channels). "
            f"Received: shape={clip.shape}. Map clips one by one, before they "
            "are batched."
        )
    return clip


def _sides(clip: tf.Tensor) -> tf.Tensor:
    """Height and width, int32; a constant where they are known."""
    sides = clip.shape[1:3]
    if sides.is_fully_defined():
        return tf.constant(sides.as_list(), tf.int32)
    return tf.shape(clip)[1:3]


def _spare(clip: tf.Tensor, size: int) -> tf.Tensor:
    """Pixels that a crop leaves over in height and width, (2,) int32."""
    message = (
        "`size` is larger than the clip. Expected at most its shorter side. "
        f"Received: size={size}, clip.shape={clip.shape}. Resize the clip "
        "first."
    )
    spare = _sides(clip) - size
    known = tf.get_static_value(spare)
    if size < 1 or (known is not None and min(known) < 0):
        raise ValueError(message)
    check = tf.debugging.assert_non_negative(spare, message)
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(spare)


def _cut(clip: tf.Tensor, row: Any, column: Any, size: int) -> tf.Tensor:
    cut = clip[:, row : row + size, column : column + size]
    return tf.ensure_shape(cut, (clip.shape[0], size, size, clip.shape[3]))


def _last_start(num_frames: Any, needed: Any) -> tf.Tensor:
    spare = tf.cast(num_frames, tf.int32) - tf.cast(needed, tf.int32)
    return tf.maximum(spare, 0)


def _draw(seed: tf.Tensor, operation: int, count: Any) -> tf.Tensor:
    """A scalar int32 in 0..count - 1, of this operation's own stream."""
    return tf.random.stateless_uniform(
        (),
        seed=tf.random.fold_in(seed, operation),
        minval=0,
        maxval=count,
        dtype=tf.int32,
    )
