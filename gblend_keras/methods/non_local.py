"""non_local: joint training with non-local attention between the towers.

Source: Wang, Tran & Feiszli, CVPR 2020, Fig. 1, "NL-gate"; after
Wang, Girshick, Gupta & He, CVPR 2018.
Ours: see `fusion.non_local`. Where the recipe has this fusion already, its
settings hold, else the fusion's defaults. Towers must name their stages; fully
connected ones have none, and the network is then refused before training.
Cost: 1 training.
"""

from gblend_keras.methods import base


def method() -> base.Method:
    """Returns joint training with the fusion "non_local"."""
    return base.joint_with_fusion("non_local")
