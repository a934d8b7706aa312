"""Late fusion by modulation: one modality, scaled and shifted by the rest."""

from keras import layers

from gblend_keras.fusion import _parts


def build_film(
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    *,
    modulated: str | None = None,
) -> _parts.Fused:
    """Builds FiLM: the other modalities scale and shift the features of one.

        x = relu((1 + gamma(c)) * f + beta(c))

    with `f` the features of the modulated modality, and `c` the features of
    all others, concatenated; `gamma` and `beta` are dense layers.

    Source: Perez et al., AAAI 2018, Eq. 1 and 2, with the ReLU after it and
    with `1 + gamma` as in its section 3.
    Ours: the feature vector is modulated once, where the source modulates
    the channels of several maps, and other modalities condition it, where the
    source has the vector of a question. `gamma` and `beta` begin at 0, so
    that the joint head begins with the modulated modality alone.

    Args:
        calls: Towers and their inputs, two at least.
        joint: Settings of the joint head.
        modulated: The modality that is modulated; None for the first.

    Returns:
        The towers' features and the modulated ones.

    Raises:
        ValueError: If there is no such modality, or no other.
    """
    del joint
    _parts.check_several(calls, "film")
    chosen = next(iter(calls.towers)) if modulated is None else modulated
    _parts.check_modality("modulated", chosen, calls)
    features = calls.features()
    others = [each for name, each in features.items() if name != chosen]
    condition = _parts.concatenated(others, name="joint_condition")
    width = int(features[chosen].shape[-1])
    scale, shift = (
        layers.Dense(width, kernel_initializer="zeros", name=f"joint_{name}")(
            condition
        )
        for name in ("gamma", "beta")
    )
    change = layers.Multiply(name="joint_scaled")([features[chosen], scale])
    x = layers.Add(name="joint_modulated")([features[chosen], change, shift])
    x = layers.ReLU(name="joint_modulated_relu")(x)
    return _parts.Fused(features, x)
