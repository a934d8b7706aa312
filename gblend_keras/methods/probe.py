"""probe: weights from a short look, which are used if they prove better.

    loss = loss_scale * sum_h w_h L_h,    w_h ~ F_h**2

F_h is the share of what head h learns that generalises. Trained for a share of
the epochs, these weights must beat equal ones on held-out data; else the
weights are equal.

Source: Wang, Tran & Feiszli, CVPR 2020, Proposition 1, for the idea.
Ours: all else; see `blending.estimators.probe`.
Cost: 1 1/10 trainings, and a pass forward over V and T' or two.
"""

from gblend_keras import config
from gblend_keras.blending.estimators.probe import Probe
from gblend_keras.methods import base
from gblend_keras.methods import offline


def method(
    share: float = 1 / 20, power: float = 2.0, prove: float = 1.0
) -> base.Method:
    """Returns blending by a probe with the recipe's settings.

    Args:
        share: Of the epochs, how many each pass trains.
        power: How sharply the weights follow the shares that generalise.
        prove: 1; or 0 to use the weights without a proof.
    """
    config.check_range("methods.probe.share", share, 1e-6, 1.0)
    config.check_range("methods.probe.power", power, 0.0, 100.0)
    config.check_choice("methods.probe.prove", prove, (0.0, 1.0))

    def data(run: base.ReadyRun) -> base.TrainingData:
        estimator = Probe(
            run.recipe.blend.settings(run.seed),
            share=share,
            power=power,
            prove=prove > 0,
        )
        return offline.blended(run, online=False, estimator=estimator)

    return base.Method(data=data)
