"""mid_concat: joint training with the towers' maps joined at a middle stage.

Source: Wang, Tran & Feiszli, CVPR 2020, Fig. 1, "Mid-concat"; after
Owens & Efros, ECCV 2018.
Ours: see `fusion.mid_concat`. Where the recipe has this fusion already, its
settings hold, else the fusion's defaults. Towers must name their stages; fully
connected ones have none, and the network is then refused before training.
Cost: 1 training.
"""

from gblend_keras.methods import base


def method() -> base.Method:
    """Returns joint training with the fusion "mid_concat"."""
    return base.joint_with_fusion("mid_concat")
