"""Late fusion by addition."""

from keras import layers

from gblend_keras.fusion import _parts


def build_sum(
    calls: _parts.TowerCalls, joint: _parts.JointHead
) -> _parts.Fused:
    """Builds the sum of the feature vectors.

    The joint head has fewer weights than on a concatenation, and asks the
    towers for features that mean the same at the same place.

        x = sum_m f_m

    Source: Feichtenhofer, Pinz & Zisserman, CVPR 2016, section 3.1, Eq. 1.
    Ours: feature vectors are added, where the source adds maps; a tower
    narrower than the widest one is first projected to its width.

    Args:
        calls: Towers and their inputs.
        joint: Settings of the joint head.

    Returns:
        The towers' features and their sum.
    """
    del joint
    features = calls.features()
    widest = max(int(feature.shape[-1]) for feature in features.values())
    terms = [
        feature
        if feature.shape[-1] == widest
        else layers.Dense(
            widest, use_bias=False, name=f"joint_projection_{modality}"
        )(feature)
        for modality, feature in features.items()
    ]
    x = layers.Add(name="joint_sum")(terms) if len(terms) > 1 else terms[0]
    return _parts.Fused(features, x)
