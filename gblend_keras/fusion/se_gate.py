"""Mid-level fusion by gates: modalities weigh each other's channels."""

from typing import Any

from keras import layers

from gblend_keras.fusion import _cuts
from gblend_keras.fusion import _parts
from gblend_keras.fusion import concat


def build_se_gate(
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    *,
    stage: _cuts.Stage = None,
    reduction: int = 8,
) -> _parts.Fused:
    """Builds towers whose channels are scaled by what the others see.

        map_m <- map_m * sigmoid(W2 relu(W1 pool(maps of the others)))

    in all directions at once. The features that follow are concatenated.

    Source: Hu et al., CVPR 2018 (squeeze and excitation), as the unused
    `cross_gated_global_pool` of VMZ turns it across modalities: pool the
    other one, dim / 8 units, ReLU, dim units, sigmoid, scale.
    Ours: with more than two modalities the pooled others are concatenated.
    The paper does not tell the stage: it is the last but one.

    Args:
        calls: Towers that name their stages, and their inputs; two at least.
        joint: Settings of the joint head.
        stage: Where the gates are: one stage for all, or
            `{modality: stage}`. None: the last but one of each tower.
        reduction: Channels of a map per unit of its gate's hidden layer.

    Returns:
        The gated towers' features and their concatenation.

    Raises:
        ValueError: If a tower cannot be cut there, or `reduction` is no
            integer >= 1.
    """
    del joint
    _parts.check_several(calls, "se_gate")
    _parts.check_count("reduction", reduction)
    opened = _cuts.cut_towers(calls, stage)
    summaries = {name: _cuts.pooled(cut) for name, cut in opened.items()}
    features = {}
    for modality, cut in opened.items():
        others = [each for name, each in summaries.items() if name != modality]
        gate = _gate(others, cut.map.shape, reduction, modality=modality)
        gated = layers.Multiply(name=f"{modality}_gated")([cut.map, gate])
        features[modality] = cut.resume(gated)
    return concat.concatenate(features)


def _gate(
    others: list[Any],
    shape: tuple[int | None, ...],
    reduction: int,
    *,
    modality: str,
) -> Any:
    """Returns one factor a channel, `(batch, 1, ..., channels)`."""
    channels = int(shape[-1] or 0)
    x = _parts.concatenated(others, name=f"{modality}_gate_concat")
    x = layers.Dense(
        max(1, channels // reduction),
        activation="relu",
        name=f"{modality}_gate_squeeze",
    )(x)
    x = layers.Dense(
        channels, activation="sigmoid", name=f"{modality}_gate_scale"
    )(x)
    ones = (1,) * (len(shape) - 2)
    return layers.Reshape((*ones, channels), name=f"{modality}_gate")(x)
