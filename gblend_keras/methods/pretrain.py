"""pretrain: towers trained alone first, then the joint network from them.

    phase 1, epochs 0 .. share * E:   loss = sum_m L_m, the towers apart
    phase 2, E more epochs:           loss = L_joint, towers and joint head

with E the recipe's epochs. Each phase runs the recipe's learning-rate
schedule from its start, and phase 2 begins with a fresh optimizer.

Source: Wang, Tran & Feiszli, CVPR 2020, section 3.3: single-modality backbones
are pre-trained, then the fusion model is fine-tuned from them.
Ours: the number of epochs and the fine-tuning's learning rate, of which the
paper says nothing. Answers come from the joint head: the modality heads are
out of date after phase 2, in which their towers move on.
Cost: 1 + share trainings, with the default 2.
"""

from collections.abc import Sequence

from gblend_keras import config
from gblend_keras.callbacks.phases import Phase
from gblend_keras.heads import JOINT
from gblend_keras.methods import base


def method(share: float = 1.0) -> base.Method:
    """Returns pre-training of the towers, then joint training.

    Args:
        share: Epochs of the pre-training, as a share of the recipe's.
    """
    config.check_range("methods.pretrain.share", share, 0.01, 10.0)

    def phases(heads: Sequence[str], epochs: int) -> list[Phase]:
        alone = tuple(head for head in heads if head != JOINT)
        first = max(1, round(share * epochs))
        return [Phase(first, alone), Phase(epochs, (JOINT,))]

    return base.Method(phases=phases)
