"""Sequence tower: a Transformer encoder over tokens or feature vectors."""

import dataclasses
from typing import Any

import keras
from keras import layers
from keras import ops

from gblend_keras.towers import stages

PADDING = 0  # the token, and the value of every feature, of a padded position


@dataclasses.dataclass(frozen=True)
class TransformerSize:
    """How large a Transformer is.

    Attributes:
        num_blocks: Self-attention blocks.
        width: Of each position's vector, and of the feature vector.
        num_heads: Attention heads; they divide `width`.
        dropout: Rate on attention and on each block's two results.

    Raises:
        ValueError: If `num_heads` does not divide `width`.
    """

    num_blocks: int = 2
    width: int = 64
    num_heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width % self.num_heads:
            raise ValueError(
                "`num_heads` does not divide `width`. Expected a divisor of "
                f"{self.width}. Received: num_heads={self.num_heads}. "
                "Change one of them."
            )


def build_transformer(
    input_shape: tuple[int] | tuple[int, int],
    size: TransformerSize = TransformerSize(),
    *,
    vocabulary_size: int | None = None,
    name: str = "text_tower",
) -> keras.Model:
    """Builds the sequence tower: a padded sequence in, one vector out.

    Padded positions change nothing: no position attends to them and the mean
    at the end leaves them out. Token 0, or a vector of zeros, is padding. A
    sequence of padding alone gives the zero vector.

    Source: Vaswani et al., NeurIPS 2017, with the norm before each part
    (Xiong et al., ICML 2020), which trains without a warm-up.

    Args:
        input_shape: `(positions,)` for integer tokens, which needs a
            `vocabulary_size`; or `(positions, values)` for feature vectors.
        size: Blocks, width, heads and dropout.
        vocabulary_size: Number of tokens, padding included.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, width)`. It names
        the stages `embedding` and `block_<n>`, sequences of shape
        `(batch, positions, width)`.

    Raises:
        ValueError: If the shape does not fit `vocabulary_size`.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_transformer((20, 6), name="tower").output_shape[0]
    """
    has_tokens = vocabulary_size is not None
    if len(input_shape) != (1 if has_tokens else 2) or None in input_shape:
        raise ValueError(
            "`input_shape` does not fit. Expected (positions,) with a "
            "`vocabulary_size`, or (positions, values) without one. "
            f"Received: input_shape={tuple(input_shape)}, "
            f"vocabulary_size={vocabulary_size}. "
            "Leave the batch axis out and fix the number of positions."
        )
    with keras.name_scope(name):
        if has_tokens:
            inputs = keras.Input(input_shape, dtype="int32", name="tokens")
            mask = ops.not_equal(inputs, PADDING)  # (B, positions)
            x = layers.Embedding(
                vocabulary_size, size.width, name="token_embedding"
            )(inputs)
        else:
            inputs = keras.Input(input_shape, name="sequence")
            mask = ops.any(ops.not_equal(inputs, PADDING), axis=-1)
            x = layers.Dense(size.width, name="embedding")(inputs)
        mask = layers.Identity(name=stages.PADDING_MASK)(mask)
        # A learned vector a position; positions count from 0.
        index = ops.cumsum(ops.ones_like(mask, dtype="int32"), axis=1) - 1
        positions = layers.Embedding(
            mask.shape[1], size.width, name="position_embedding"
        )(index)
        x = layers.Add(name="embedding_output")([x, positions])
        for index in range(size.num_blocks):
            x = _block(x, mask, size, name=f"block_{index}")
        x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
        # The mean over the positions that are not padding.
        real = ops.expand_dims(ops.cast(mask, x.dtype), -1)  # (B, positions, 1)
        count = ops.maximum(ops.sum(real, axis=1), 1)  # padding alone: 0 / 1
        mean = ops.sum(x * real, axis=1) / count
        return keras.Model(inputs, mean, name=name)


def _block(x: Any, mask: Any, size: TransformerSize, *, name: str) -> Any:
    """Returns `x` after self-attention and two dense layers, each added."""
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_1")(x)
    y = layers.MultiHeadAttention(
        size.num_heads,
        size.width // size.num_heads,
        dropout=size.dropout,
        name=f"{name}_attention",
    )(y, y, attention_mask=ops.expand_dims(mask, 1))  # (B, 1, positions)
    y = layers.Dropout(size.dropout, name=f"{name}_dropout_1")(y)
    x = layers.Add(name=f"{name}_sum_1")([x, y])

    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_2")(x)
    y = layers.Dense(4 * size.width, activation="gelu", name=f"{name}_dense_1")(
        y
    )
    y = layers.Dense(size.width, name=f"{name}_dense_2")(y)
    y = layers.Dropout(size.dropout, name=f"{name}_dropout_2")(y)
    return layers.Add(name=f"{name}_output")([x, y])
