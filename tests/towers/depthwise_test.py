"""The depth-wise 3-D convolution."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gblend_keras.towers import depthwise


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2), (1, 2, 2)])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_depthwise_is_a_grouped_convolution(strides, frames):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, frames, 5, 6, 2)).astype("float32")
    layer = depthwise.DepthwiseConv3D(strides)
    y = np.asarray(layer(x))
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    kernel = np.asarray(layer.kernel)[:, :, :, 0]  # (3, 3, 3, C)
    for t, i, j in np.ndindex(y.shape[1:4]):
        at = [k * s for k, s in zip((t, i, j), strides, strict=True)]
        cube = padded[
            :, at[0] : at[0] + 3, at[1] : at[1] + 3, at[2] : at[2] + 3
        ]
        expected = np.sum(cube * kernel, axis=(1, 2, 3))
        np.testing.assert_allclose(y[:, t, i, j], expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == y.shape


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2)])
def test_depthwise_compiles_after_a_padded_convolution(strides):
    # TensorFlow 2.21 rewrote an earlier form of the layer to a wrong graph.
    inputs = keras.Input((8, 16, 16, 4))
    x = layers.ZeroPadding3D((1, 3, 3))(inputs)
    for kernel_size in (3, 1):
        x = layers.Conv3D(4, kernel_size, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.Model(inputs, depthwise.DepthwiseConv3D(strides)(x))
    compiled = tf.function(lambda x: model(x, training=False))
    x = tf.random.normal((2, 8, 16, 16, 4))
    np.testing.assert_allclose(compiled(x), model(x), rtol=1e-4, atol=1e-5)


def test_depthwise_strides_must_agree_in_space():
    with pytest.raises(ValueError, match="Use e.g."):
        depthwise.DepthwiseConv3D((1, 1, 2))
