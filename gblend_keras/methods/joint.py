"""joint: plain ("naive") joint training.

    loss = L_joint

Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 2.
Cost: 1 training.
"""

from gblend_keras.methods import base


def method() -> base.Method:
    """Returns joint training with the recipe's fusion."""
    return base.Method(phases=base.joint_head)
