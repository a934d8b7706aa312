"""probe: weights from a short look, which are used if they prove better.

    loss = loss_scale * sum_h w_h L_h,    w_h ~ F_h**2

F_h is the share of what head h learns that generalises. Trained for a share of
the epochs, these weights must beat equal ones on held-out data; else the
weights are equal.

Source: Wang, Tran & Feiszli, CVPR 2020, Proposition 1, for the idea.
Ours: all else; see `blending.estimators.probe`.
Cost: 1 1/8 trainings.
"""

from gblend_keras.methods import base
from gblend_keras.methods import offline


def method() -> base.Method:
    """Returns blending by a probe with the recipe's settings."""

    def data(run: base.ReadyRun) -> base.TrainingData:
        return offline.blended(run, online=False, estimator="probe")

    return base.Method(data=data)
