"""What the residual towers share: depths, blocks, stages, padding.

The graphs are those of VMZ (Caffe2), the code of the paper's authors. Its
convolutions have no bias, pad both sides of each axis by half the kernel, and
are followed by a batch norm with epsilon 1e-3 and momentum 0.9.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import keras
from keras import layers

# Blocks of conv2_x to conv5_x, which are the stages 1 to 4 here.
STAGE_SIZES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
STAGE_FILTERS = (64, 128, 256, 512)
BOTTLENECK_EXPANSION = 4  # features that leave a bottleneck / inside it
VMZ_EPSILON = 1e-3
NORM_MOMENTUM = 0.9


class MakeConv(Protocol):
    """Applies a family's own k x k x k convolution."""

    def __call__(
        self,
        x: Any,
        filters: int,
        *,
        strides: tuple[int, ...],
        block_channels: int,
        name: str,
    ) -> Any:
        """Returns the convolved `x`, as wide as `filters`, without a norm.

        Args:
            x: Channels last.
            filters: Channels that leave.
            strides: One an axis; 1 or 2.
            block_channels: Channels that entered the whole block.
            name: What the names of all layers begin with.
        """


@dataclasses.dataclass(frozen=True)
class Stages:
    """Settings of the four stages of one network.

    Attributes:
        depth: 18, 34 (simple blocks), 50, 101 or 152 (bottlenecks).
        make_convs: One convolution a stage.
        strides: One tuple a stage, used by its first block.
        epsilon: Of every batch norm.
    """

    depth: int
    make_convs: Sequence[MakeConv]
    strides: Sequence[tuple[int, ...]]
    epsilon: float = VMZ_EPSILON


def check_depth(depth: int, depths: Sequence[int]) -> None:
    """Raises unless `depth` is one of `depths`."""
    if depth not in depths:
        raise ValueError(
            "`depth` is unknown. Expected one of "
            f"{', '.join(map(str, depths))}. Received: depth={depth}. "
            "Choose one of these."
        )


def check_input_shape(
    input_shape: tuple[int | None, ...], axes: tuple[str, ...]
) -> None:
    """Raises unless `input_shape` has these axes, the last one known."""
    sizes = [size for size in input_shape if size is not None]
    if (
        len(input_shape) != len(axes)
        or input_shape[-1] is None
        or min(sizes) < 1
    ):
        raise ValueError(
            f"`input_shape` does not fit. Expected ({', '.join(axes)}), each "
            f">= 1. Received: input_shape={tuple(input_shape)}. "
            "Leave the batch axis out; only the last axis must be known."
        )


def conv(
    x: Any,
    filters: int,
    kernel_size: tuple[int, ...],
    *,
    strides: tuple[int, ...],
    name: str,
) -> Any:
    """Returns a 2-D or 3-D convolution of `x` without bias.

    Each axis is padded on both sides by half the kernel, as Caffe2 and PyTorch
    do. (TensorFlow's "same" pads an even size with stride 2 at its end only,
    which would shift every feature of a public checkpoint by one.)
    """
    halves = tuple(size // 2 for size in kernel_size)
    if any(stride > 1 for stride in strides) and any(halves):
        x = pad(x, halves, name=f"{name}_pad")
        padding = "valid"
    else:
        padding = "same"  # equal to the above when nothing is skipped
    make = layers.Conv3D if len(kernel_size) == 3 else layers.Conv2D
    return make(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,  # the norm that follows has the offset
        kernel_initializer=msra_fill(),
        name=name,
    )(x)


def msra_fill() -> Any:
    """Returns VMZ's initialiser: normal, variance `2 / fan_out`.

    Source: VMZ, `MSRAFill` of Caffe2; He et al., ICCV 2015, Eq. 14.
    """
    return keras.initializers.VarianceScaling(
        2.0, mode="fan_out", distribution="untruncated_normal"
    )


def pad(x: Any, sizes: tuple[int, ...], *, name: str) -> Any:
    """Returns `x` with `sizes` zeros on both sides of each inner axis."""
    make = layers.ZeroPadding3D if len(sizes) == 3 else layers.ZeroPadding2D
    return make(sizes, name=name)(x)


def norm(x: Any, epsilon: float, *, name: str) -> Any:
    """Returns the batch norm of `x`."""
    return layers.BatchNormalization(
        momentum=NORM_MOMENTUM, epsilon=epsilon, name=name
    )(x)


def pool1(x: Any) -> Any:
    """Returns the stem's max pool, 1 x 3 x 3 with strides 1 x 2 x 2.

    `x` has passed a ReLU, so that zeros at the border never win.
    """
    x = pad(x, (0, 1, 1), name="stem_pool_pad")
    return layers.MaxPooling3D(
        (1, 3, 3),
        (1, 2, 2),
        dtype="float32",  # TensorFlow has no float16 kernel of it for CPUs
        name="stem_output",
    )(x)


def stages(x: Any, settings: Stages) -> Any:
    """Returns `x` after stages 1 to 4, each ending in `stage_<n>_output`."""
    bottlenecks = settings.depth >= 50
    for stage, num_blocks in enumerate(STAGE_SIZES[settings.depth]):
        block = bottleneck if bottlenecks else simple_block
        for index in range(num_blocks):
            strides = settings.strides[stage]
            prefix = f"stage_{stage + 1}_block_{index}"
            last = index == num_blocks - 1
            x = block(
                x,
                STAGE_FILTERS[stage],
                make_conv=settings.make_convs[stage],
                strides=strides if index == 0 else (1,) * len(strides),
                epsilon=settings.epsilon,
                name=prefix,
                output_name=(
                    f"stage_{stage + 1}_output" if last else f"{prefix}_relu"
                ),
            )
    return x


def simple_block(
    x: Any,
    filters: int,
    *,
    make_conv: MakeConv,
    strides: tuple[int, ...],
    epsilon: float,
    name: str,
    output_name: str,
) -> Any:
    """Returns `relu(x + conv(relu(conv(x))))`, `filters` wide."""
    channels = x.shape[-1]
    y = make_conv(
        x,
        filters,
        strides=strides,
        block_channels=channels,
        name=f"{name}_conv_1",
    )
    y = layers.ReLU(name=f"{name}_relu_1")(
        norm(y, epsilon, name=f"{name}_conv_1_norm")
    )
    y = make_conv(
        y,
        filters,
        strides=(1,) * len(strides),
        block_channels=channels,
        name=f"{name}_conv_2",
    )
    y = norm(y, epsilon, name=f"{name}_conv_2_norm")
    x = shortcut(x, filters, strides=strides, epsilon=epsilon, name=name)
    return layers.ReLU(name=output_name)(layers.Add(name=f"{name}_sum")([x, y]))


def bottleneck(
    x: Any,
    filters: int,
    *,
    make_conv: MakeConv,
    strides: tuple[int, ...],
    epsilon: float,
    name: str,
    output_name: str,
) -> Any:
    """Returns a block of 1, k and 1 wide kernels, `4 * filters` wide.

    The stride is that of the middle convolution, as in VMZ.
    """
    channels = x.shape[-1]
    ones = (1,) * len(strides)
    wide = BOTTLENECK_EXPANSION * filters
    y = conv(x, filters, ones, strides=ones, name=f"{name}_conv_1")
    y = layers.ReLU(name=f"{name}_relu_1")(
        norm(y, epsilon, name=f"{name}_conv_1_norm")
    )
    y = make_conv(
        y,
        filters,
        strides=strides,
        block_channels=channels,
        name=f"{name}_conv_2",
    )
    y = layers.ReLU(name=f"{name}_relu_2")(
        norm(y, epsilon, name=f"{name}_conv_2_norm")
    )
    y = conv(y, wide, ones, strides=ones, name=f"{name}_conv_3")
    y = norm(y, epsilon, name=f"{name}_conv_3_norm")
    x = shortcut(x, wide, strides=strides, epsilon=epsilon, name=name)
    return layers.ReLU(name=output_name)(layers.Add(name=f"{name}_sum")([x, y]))


def shortcut(
    x: Any,
    filters: int,
    *,
    strides: tuple[int, ...],
    epsilon: float,
    name: str,
) -> Any:
    """Returns `x`, projected where its shape would not fit the block's."""
    if x.shape[-1] == filters and max(strides) == 1:
        return x
    ones = (1,) * len(strides)
    x = conv(x, filters, ones, strides=strides, name=f"{name}_shortcut")
    return norm(x, epsilon, name=f"{name}_shortcut_norm")
