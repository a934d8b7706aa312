"""Mid-level fusion by attention: each position looks at the other maps."""

from typing import Any

from keras import layers

from gblend_keras.fusion import _cuts
from gblend_keras.fusion import _parts
from gblend_keras.fusion import concat


def build_non_local(
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    *,
    stage: _cuts.Stage = None,
) -> _parts.Fused:
    """Builds towers whose positions attend to those of the other modalities.

        y_i = sum_j softmax_j(theta(x_i) . phi(x_j)) g(x_j),   z_i = W y_i + x_i

    with i a position of one modality and j one of any other. `theta`, `phi`
    and `g` halve the channels. The features that follow are concatenated.

    Source: Wang et al., CVPR 2018, Eq. 1, 4 and 6 (embedded Gaussian), with a
    batch norm after W whose scale begins at 0, so that nothing changes at
    first.
    Ours: the source attends within one map. The paper does not tell the
    stage of its NL-gate: it is the last one, where positions are few; the
    cost grows with the product of the numbers of positions.

    Args:
        calls: Towers that name their stages, and their inputs; two at least.
        joint: Settings of the joint head.
        stage: Where the blocks are: one stage for all, or
            `{modality: stage}`. None: the last of each tower.

    Returns:
        The towers' features after the exchange and their concatenation.

    Raises:
        ValueError: If a tower cannot be cut there, or its stage is a vector.
    """
    del joint
    _parts.check_several(calls, "non_local")
    opened = _cuts.cut_towers(calls, stage, from_end=1)
    sequences = {name: _cuts.positions(cut) for name, cut in opened.items()}
    any_mask = any(cut.mask is not None for cut in opened.values())
    features = {}
    for modality, cut in opened.items():
        masks = [
            _cuts.real_positions(other)
            for name, other in opened.items()
            if name != modality and any_mask
        ]
        change = _attended(sequences, masks, modality)
        z = layers.Add(name=f"{modality}_nonlocal")(
            [cut.map, _cuts.like_map(change, cut)]
        )
        features[modality] = cut.resume(z)
    return concat.concatenate(features)


def _attended(
    sequences: dict[str, Any], masks: list[Any], modality: str
) -> Any:
    """Returns `W y`, shaped like the modality's sequence.

    Args:
        sequences: `{modality: (batch, positions, channels)}`.
        masks: Real positions of each other modality; empty if all are.
        modality: Whose positions attend.
    """
    channels = int(sequences[modality].shape[-1])
    half = max(1, channels // 2)
    prefix = f"{modality}_nonlocal"
    queries = layers.Dense(half, name=f"{prefix}_theta")(sequences[modality])
    others = {k: x for k, x in sequences.items() if k != modality}
    keys, values = (
        _parts.concatenated(
            [
                layers.Dense(half, name=f"{prefix}_{role}_{name}")(x)
                for name, x in others.items()
            ],
            axis=1,
            name=f"{prefix}_{role}",
        )
        for role in ("phi", "g")
    )
    attention = layers.Attention(name=f"{prefix}_attention")
    if masks:
        mask = _parts.concatenated(masks, axis=1, name=f"{prefix}_mask")
        y = attention([queries, values, keys], mask=[None, mask])
    else:
        y = attention([queries, values, keys])
    y = layers.Dense(channels, use_bias=False, name=f"{prefix}_w")(y)
    return layers.BatchNormalization(
        momentum=0.9,
        gamma_initializer="zeros",  # the block begins as the identity
        name=f"{prefix}_norm",
    )(y)
