"""Mid-level fusion by attention through a few shared tokens."""

import dataclasses
from typing import Any

import keras
from keras import layers
from keras import ops

from gblend_keras.fusion import _cuts
from gblend_keras.fusion import _parts
from gblend_keras.fusion import concat


@keras.saving.register_keras_serializable(package="gblend_keras")
class BottleneckTokens(keras.layers.Layer):
    """Gives the same learned tokens to every example of a batch.

    Called on any tensor, of which only the batch size is read.

    Source: Nagrani et al., NeurIPS 2021, section 3.2.3 and its code: normal
    with deviation 0.02.

    Args:
        num_tokens: Number of tokens.
        width: Size of each.
        **kwargs: `name`, `dtype`, as for every layer.
    """

    def __init__(self, num_tokens: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tokens, self.width = num_tokens, width

    def build(self, input_shape: Any) -> None:
        del input_shape
        self.tokens = self.add_weight(
            shape=(1, self.num_tokens, self.width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="tokens",
        )

    def call(self, inputs: Any) -> Any:
        return ops.repeat(self.tokens, ops.shape(inputs)[0], axis=0)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (input_shape[0], self.num_tokens, self.width)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "num_tokens": self.num_tokens, "width": self.width}


@dataclasses.dataclass(frozen=True)
class _Block:
    """A Transformer layer's place and size."""

    name: str
    width: int
    num_heads: int


def build_bottleneck(
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    *,
    stage: _cuts.Stage = None,
    num_tokens: int = 4,
    num_layers: int = 2,
    num_heads: int = 4,
) -> _parts.Fused:
    """Builds towers that exchange through attention bottlenecks.

    Each modality's sequence, with the bottleneck tokens appended, passes a
    Transformer layer of its own; the tokens that come out are averaged over
    the modalities and go into the next layer. What one modality tells the
    others must pass these few tokens.

        [z_m, b_m] <- layer_m([z_m, b]),   b <- mean_m b_m

    Source: Nagrani et al., NeurIPS 2021 (MBT), Eq. 8 and 9; 4 tokens.
    Ours: the layers stand between two stages of the towers, where MBT turns
    the towers' own layers into them. Positions of maps serve as sequences, as
    patches do there. Tokens have the width of the widest sequence, and are
    projected where another is narrower.

    Args:
        calls: Towers that name their stages, and their inputs; two at least.
        joint: Settings of the joint head.
        stage: A stage `(batch, positions, width)`, or a map: one for all, or
            `{modality: stage}`. None: the last but one of each tower.
        num_tokens: Bottleneck tokens, 4 in the source.
        num_layers: Layers of each modality, at least 2: what the first tells
            the tokens is heard in the second.
        num_heads: Attention heads; they divide the width of each sequence.

    Returns:
        The towers' features after the exchange and their concatenation.

    Raises:
        ValueError: If a tower cannot be cut there, its stage is a vector, or
            a number does not fit.
    """
    del joint
    _parts.check_several(calls, "bottleneck")
    _parts.check_count("num_tokens", num_tokens)
    _parts.check_count("num_layers", num_layers, low=2)
    _parts.check_count("num_heads", num_heads)
    opened = _cuts.cut_towers(calls, stage)
    sequences = {name: _cuts.positions(cut) for name, cut in opened.items()}
    for modality, x in sequences.items():
        if x.shape[-1] % num_heads:
            raise ValueError(
                f"`num_heads` does not divide the width of '{modality}'. "
                f"Expected a divisor of {x.shape[-1]}. "
                f"Received: num_heads={num_heads}. Choose a divisor."
            )
    # The tokens that the first layer gets are as wide as the widest.
    widest = max(int(x.shape[-1]) for x in sequences.values())
    tokens = BottleneckTokens(num_tokens, widest, name="bottleneck_tokens")
    exchanged = _exchanged(
        sequences,
        {name: cut.mask for name, cut in opened.items()},
        tokens(next(iter(sequences.values()))),
        num_layers=num_layers,
        num_heads=num_heads,
    )
    features = {
        name: cut.resume(_cuts.like_map(exchanged[name], cut))
        for name, cut in opened.items()
    }
    return concat.concatenate(features)


def _exchanged(
    sequences: dict[str, Any],
    masks: dict[str, Any],
    tokens: Any,
    *,
    num_layers: int,
    num_heads: int,
) -> dict[str, Any]:
    """Returns the sequences after all layers."""
    for index in range(num_layers):
        after, spoken = {}, []
        for modality, z in sequences.items():
            block = _Block(
                f"{modality}_bottleneck_{index}", int(z.shape[-1]), num_heads
            )
            after[modality], heard = _exchange(
                z, masks[modality], tokens, block
            )
            if index < num_layers - 1:  # nobody hears the last tokens
                name = f"{block.name}_tokens_out"
                spoken.append(_projected(heard, tokens.shape[-1], name=name))
        if spoken:
            tokens = layers.Average(name=f"bottleneck_{index}_mean")(spoken)
        sequences = after
    return sequences


def _exchange(z: Any, mask: Any, tokens: Any, block: _Block) -> tuple[Any, Any]:
    """Returns a sequence and its tokens after one Transformer layer."""
    num_positions = z.shape[1]
    own = _projected(tokens, block.width, name=f"{block.name}_tokens_in")
    x = layers.Concatenate(axis=1, name=f"{block.name}_concat")([z, own])
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{block.name}_norm_1")(x)
    keys = None  # which count, (batch, 1, keys): all tokens do
    if mask is not None:
        real = ops.ones_like(own[..., 0], dtype="bool")
        keys = ops.expand_dims(ops.concatenate([mask, real], axis=1), 1)
    y = layers.MultiHeadAttention(
        block.num_heads,
        block.width // block.num_heads,
        name=f"{block.name}_attention",
    )(y, y, attention_mask=keys)
    x = layers.Add(name=f"{block.name}_sum_1")([x, y])
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{block.name}_norm_2")(x)
    y = layers.Dense(
        4 * block.width, activation="gelu", name=f"{block.name}_dense_1"
    )(y)
    y = layers.Dense(block.width, name=f"{block.name}_dense_2")(y)
    x = layers.Add(name=f"{block.name}_sum_2")([x, y])
    return x[:, :num_positions], x[:, num_positions:]


def _projected(tokens: Any, width: int, *, name: str) -> Any:
    if tokens.shape[-1] == width:
        return tokens
    return layers.Dense(width, name=name)(tokens)
