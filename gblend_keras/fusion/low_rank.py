"""Late fusion by a product of all modalities, of low rank."""

from keras import layers

from gblend_keras.fusion import _parts


def build_low_rank(
    calls: _parts.TowerCalls, joint: _parts.JointHead, *, rank: int = 4
) -> _parts.Fused:
    """Builds Low-rank Multimodal Fusion: every product of features, cheaply.

    The outer product of all feature vectors, each with a 1 appended, holds
    the features and every product of them across modalities. A linear layer
    on it would be huge; with weights of low rank it is

        h = sum_r s_r * prod_m (W_m^(r) [f_m; 1])

    whose weights grow with the sum of the feature sizes, not their product.
    A dense layer with a bias is `W [f; 1]`.

    Source: Liu et al., ACL 2018, Eq. 8; the `s_r` are those of the authors'
    code (`fusion_weights`).
    Ours: the weights of the appended 1 begin at 1, so that each factor begins
    near 1 and the product of many modalities does not vanish. `h` goes
    straight to the prediction layer, whose bias serves as the source's.

    Args:
        calls: Towers and their inputs.
        joint: Settings of the joint head. `hidden_units` is the size of `h`.
        rank: Number of terms, R. The paper does not tell its own.

    Returns:
        The towers' features and `h`.

    Raises:
        ValueError: If `rank` is no integer >= 1.
    """
    _parts.check_count("rank", rank)
    features = calls.features()
    units = joint.units(features)
    factors = []
    for modality, feature in features.items():
        x = layers.Dense(
            rank * units,
            kernel_initializer="glorot_normal",
            bias_initializer="ones",
            name=f"joint_factors_{modality}",
        )(feature)
        name = f"joint_factors_{modality}_ranks"
        factors.append(layers.Reshape((rank, units), name=name)(x))
    x = factors[0]
    if len(factors) > 1:
        x = layers.Multiply(name="joint_product")(factors)
    x = layers.Permute((2, 1), name="joint_product_ranks")(x)  # (B, units, R)
    x = layers.Dense(1, use_bias=False, name="joint_rank_weights")(x)
    x = layers.Reshape((units,), name="joint_fused")(x)
    return _parts.Fused(features, x, num_hidden=0)
