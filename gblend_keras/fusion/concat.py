"""Late fusion by concatenation: the paper's own."""

from typing import Any

from gblend_keras.fusion import _parts


def build_concat(
    calls: _parts.TowerCalls, joint: _parts.JointHead
) -> _parts.Fused:
    """Builds the paper's fusion: the features, concatenated.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.1: "two-FC-layer
    network on concatenated features from visual and audio backbones, followed
    by one prediction layer". The dropout baseline drops the concatenation.

    Args:
        calls: Towers and their inputs.
        joint: Settings of the joint head.

    Returns:
        The towers' features and their concatenation.
    """
    del joint
    return concatenate(calls.features())


def concatenate(features: dict[str, Any]) -> _parts.Fused:
    """Returns features and their concatenation.

    Args:
        features: `{modality: (batch, features)}`.
    """
    x = _parts.concatenated(list(features.values()), name="joint_concat")
    return _parts.Fused(features, x)
