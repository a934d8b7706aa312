"""modalities: every modality alone, all side by side in one run.

    loss = sum_m L_m        over modality heads; the joint head is not trained

Towers of a late fusion share no variable, so each trains exactly as it would
by itself. The mean of the modalities' probabilities is their ensemble.

Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 1.
Cost: 1 training of all towers.
"""

from collections.abc import Sequence

from gblend_keras import config
from gblend_keras.callbacks.phases import Phase
from gblend_keras.heads import JOINT
from gblend_keras.methods import base


def method() -> base.Method:
    """Returns training of all modality heads, each alone."""

    def phases(heads: Sequence[str], epochs: int) -> list[Phase]:
        alone = tuple(head for head in heads if head != JOINT)
        return [Phase(epochs, alone)]

    return base.Method(adapt=unfused, phases=phases)


def alone(modality: str) -> base.Method:
    """Returns training of a single modality."""

    def phases(heads: Sequence[str], epochs: int) -> list[Phase]:
        del heads
        return [Phase(epochs, (modality,))]

    return base.Method(adapt=unfused, phases=phases)


def unfused(recipe: config.Recipe) -> config.Recipe:
    """Keeps a modality that trains alone from seeing the others.

    Some fusions join the towers before the modality heads.
    """
    return base.with_fusion(recipe, "concat")
