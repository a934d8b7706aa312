"""online: Gradient-Blending, with an estimate at each super-epoch.

    loss = loss_scale * sum_h w_h L_h,    w_h ~ max(G_h, 0) / O_h**2

Source: Wang, Tran & Feiszli, CVPR 2020, Algorithm 3.
Ours: see `callbacks.GradientBlending`.
Cost: 1 training, and for each epoch 2 epochs inside an estimate (k + 1 where
towers are joined before the modality heads).
"""

from gblend_keras.methods import base
from gblend_keras.methods import offline


def method() -> base.Method:
    """Returns online Gradient-Blending with the recipe's settings."""

    def data(run: base.ReadyRun) -> base.TrainingData:
        return offline.blended(run, online=True)

    return base.Method(data=data)
