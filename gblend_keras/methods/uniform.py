"""uniform: all heads with equal weights ("auxiliary losses").

    loss = loss_scale / H * sum_h L_h

Source: Wang, Tran & Feiszli, CVPR 2020, section 3.3: "naive training with two
auxiliary losses", all with equal weights.
Cost: 1 training.
"""

from gblend_keras.methods import base


def method() -> base.Method:
    """Returns training of all heads with equal weights."""
    return base.Method()
