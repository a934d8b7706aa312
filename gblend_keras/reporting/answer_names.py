"""The names of answers, and what they stand for. Loads no Keras."""

JOINT = "joint"  # as `network.JOINT`
BLEND = "blend"  # as `network.BLEND`
ENSEMBLE = "ensemble"

_EXPLAINED = {
    JOINT: "the fused head, the paper's answer",
    BLEND: "mean of all heads' probabilities",
    ENSEMBLE: "mean of the modality heads' probabilities",
    "available": "mean of the trained heads' logits",
}


def explained(name: str) -> str:
    """Returns what a name in an accuracy table stands for; "" of a modality."""
    return _EXPLAINED.get(name, "")
