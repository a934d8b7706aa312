"""Audio tower: the residual network over log-mel patches of the paper."""

from typing import Any

import keras
from keras import layers

from gblend_keras.towers import residual

DEPTHS = (18, 34, 50, 101, 152)
NUM_STEM_BLOCKS = 3


def build_audio_resnet(
    input_shape: tuple[int | None, int | None, int] = (100, 40, 1),
    depth: int = 50,
    *,
    norm_epsilon: float = residual.VMZ_EPSILON,
    preprocessing: keras.layers.Layer | None = None,
    name: str = "audio_tower",
) -> keras.Model:
    """Builds the audio tower: one spectrogram in, one feature vector out.

    VMZ takes 100 x 40 log-mel patches: 100 frames that span exactly the clip.
    In place of a 7 x 7 stem it has a 3 x 3 convolution with a bias and without
    norm, and three simple blocks. Each of the stages 1 to 4 halves both axes,
    and the last pool is a *max* pool, though VMZ calls it `final_avg`.

    Source: Wang et al., CVPR 2020, section 3.1, as VMZ builds it.
    Ours: the last pool spans whatever is left of the input (4 x 2 for
    100 x 40, as in VMZ), so that other sizes work: for the 256 x 256
    spectrograms of EPIC-Kitchens it spans 8 x 8. VMZ has no code for these.

    Args:
        input_shape: `(frames, bins, channels)`; `(256, 256, 1)` for
            EPIC-Kitchens. Frames and bins may be None.
        depth: 18, 34, 50, 101 or 152.
        norm_epsilon: 1e-3 in VMZ.
        preprocessing: Layer on the raw input, such as a normalisation.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, features)`, with
        512 features up to depth 34 and 2048 from 50 on. It names the stages
        `stem` and `stage_1` to `stage_4`.

    Raises:
        ValueError: If the depth is unknown or the shape does not fit.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_audio_resnet((100, 40, 1), name="audio", depth=18)
        >>> tower.output_shape
        (None, 512)
    """
    residual.check_depth(depth, DEPTHS)
    residual.check_input_shape(input_shape, ("frames", "bins", "channels"))
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="spectrogram")
        x = inputs if preprocessing is None else preprocessing(inputs)
        x = stem(x, epsilon=norm_epsilon)
        x = residual.stages(
            x,
            residual.Stages(
                depth, [conv_2d] * 4, [(2, 2)] * 4, epsilon=norm_epsilon
            ),
        )
        outputs = layers.GlobalMaxPooling2D(name="pool")(x)
        return keras.Model(inputs, outputs, name=name)


def stem(x: Any, *, epsilon: float) -> Any:
    """Returns the biased 3 x 3 convolution and the three simple blocks."""
    x = layers.Conv2D(
        16,
        3,
        padding="same",
        kernel_initializer=residual.msra_fill(),
        name="stem_conv",
    )(x)
    for index in range(NUM_STEM_BLOCKS):
        last = index == NUM_STEM_BLOCKS - 1
        prefix = f"stem_block_{index}"
        x = residual.simple_block(
            x,
            32,
            make_conv=conv_2d,
            strides=(2, 2) if index == 0 else (1, 1),
            epsilon=epsilon,
            name=prefix,
            output_name="stem_output" if last else f"{prefix}_relu",
        )
    return x


def conv_2d(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    block_channels: int,
    name: str,
) -> Any:
    """Returns a 3 x 3 convolution."""
    del block_channels
    return residual.conv(x, filters, (3, 3), strides=strides, name=name)
