"""Depth-wise 3-D convolution, which Keras does not have."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gblend_keras")
class DepthwiseConv3D(keras.layers.Layer):
    """Convolves every channel of a clip with its own 3 x 3 x 3 kernel.

    The kernel of each channel is cut into its three time taps. Every tap is a
    2-D depth-wise convolution of the frames that it meets, and their sum is
    the 3-D convolution, exactly: `y[t] = sum_k conv2d(x[s * t + k - 1], w[k])`.

    Source: Tran et al., ICCV 2019, section 3 (channel-separated networks).
    Ours: the cut into taps. `Conv3D(groups=channels)` computes the same, but
    TensorFlow has no CPU kernel for it: Keras then compiles a slow one.

    Args:
        strides: Stride in time, height and width. The last two are equal.
        kernel_initializer: For a kernel of shape `(3, 3, 3, 1, channels)`,
            the shape that `Conv3D(groups=channels)` has.
        **kwargs: `name`, `dtype`, `trainable`, as for every layer.

    Raises:
        ValueError: If the strides in height and width differ.
    """

    def __init__(
        self,
        strides: tuple[int, int, int] = (1, 1, 1),
        *,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strides = tuple(strides)
        if len(self.strides) != 3 or self.strides[1] != self.strides[2]:
            raise ValueError(
                "`strides` has unequal strides in space. Expected three "
                "integers, the last two equal. Received: "
                f"strides={strides}. Use e.g. (1, 2, 2) or (2, 2, 2)."
            )
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            shape=(3, 3, 3, 1, input_shape[-1]),
            initializer=self.kernel_initializer,
            name="kernel",
        )

    def call(self, inputs: Any) -> Any:
        # A frame of zeros before the first and after the last. Concatenated,
        # for TensorFlow 2.21 rewrites a padding in time that follows a padded
        # convolution to a wrong graph.
        zeros = ops.zeros_like(inputs[:, :1])
        frames = ops.concatenate([zeros, inputs, zeros], axis=1)
        taps = ops.transpose(self.kernel, (0, 1, 2, 4, 3))  # (3, 3, 3, C, 1)
        stride = self.strides[0]
        length = (-(-ops.shape(inputs)[1] // stride) - 1) * stride + 1
        total = self._in_space(frames[:, :length:stride], taps[0])
        for tap in (1, 2):
            met = frames[:, tap : tap + length : stride]
            total += self._in_space(met, taps[tap])
        return total

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        sizes = [
            None if size is None else -(-size // stride)
            for size, stride in zip(input_shape[1:4], self.strides, strict=True)
        ]
        return (input_shape[0], *sizes, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["strides"] = self.strides
        config["kernel_initializer"] = keras.initializers.serialize(
            self.kernel_initializer
        )
        return config

    def _in_space(self, frames: Any, tap: Any) -> Any:
        """Convolves each frame by itself with one time tap."""
        batch, num_frames, height, width, channels = ops.shape(frames)
        images = ops.reshape(frames, (-1, height, width, channels))
        stride = self.strides[1]
        if stride > 1:
            # Zeros on both sides, as Caffe2 and PyTorch pad; TensorFlow's
            # "same" pads an even size at its end only.
            images = ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
        images = ops.depthwise_conv(
            images,
            tap,
            strides=stride,
            padding="valid" if stride > 1 else "same",
        )
        _, height, width, channels = ops.shape(images)
        return ops.reshape(images, (batch, num_frames, height, width, channels))
