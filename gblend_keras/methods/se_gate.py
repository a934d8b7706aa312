"""se_gate: joint training with squeeze-and-excitation gates between the towers.

Source: Wang, Tran & Feiszli, CVPR 2020, Fig. 1, "SE-gate"; after
Hu, Shen & Sun, CVPR 2018.
Ours: see `fusion.se_gate`. Where the recipe has this fusion already, its
settings hold, else the fusion's defaults. Towers must name their stages; fully
connected ones have none, and the network is then refused before training.
Cost: 1 training.
"""

from gblend_keras.methods import base


def method() -> base.Method:
    """Returns joint training with the fusion "se_gate"."""
    return base.joint_with_fusion("se_gate")
