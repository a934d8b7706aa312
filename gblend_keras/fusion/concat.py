"""Late fusion by concatenation: the paper's own."""

import keras
from keras import layers


def build_concat(
    features: dict[str, keras.KerasTensor],
    num_classes: int,
    *,
    hidden_units: int,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Builds the joint head: concatenation, two hidden layers, the classes.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.1: "two-FC-layer
    network on concatenated features from visual and audio backbones, followed
    by one prediction layer". The dropout baseline drops the concatenation.

    Args:
        features: `{modality: (batch, features)}`.
        num_classes: Size of the output.
        hidden_units: Units of both hidden layers.
        dropout: Share of the concatenated features dropped in training.

    Returns:
        Logits `(batch, num_classes)` in float32.
    """
    if len(features) > 1:
        x = layers.Concatenate(name="joint_concat")(list(features.values()))
    else:
        (x,) = features.values()
    if dropout:
        x = layers.Dropout(dropout, name="joint_dropout")(x)
    for index in (1, 2):
        x = layers.Dense(
            hidden_units, activation="relu", name=f"joint_hidden_{index}"
        )(x)
    return layers.Dense(num_classes, dtype="float32", name="joint_head")(x)
