"""dropout: joint training with dropout on the concatenated features.

Source: Wang, Tran & Feiszli, CVPR 2020, section 3.3: "dropout at the
concatenation layer"; Srivastava et al., JMLR 2014.
Ours: a rate of 0.5. The paper names none; its code's framework, Caffe2, uses
0.5 where none is given.
Cost: 1 training.
"""

import dataclasses

from gblend_keras import config
from gblend_keras.methods import base


def method(rate: float = 0.5) -> base.Method:
    """Returns joint training with dropout before the joint head.

    Args:
        rate: Share of the fused features dropped, in (0, 1).
    """
    config.check_range("methods.dropout.rate", rate, 0.001, 0.99)

    def adapt(recipe: config.Recipe) -> config.Recipe:
        settings = dataclasses.replace(recipe.train, fusion_dropout=rate)
        return dataclasses.replace(recipe, train=settings)

    return base.Method(adapt=adapt, phases=base.joint_head)
