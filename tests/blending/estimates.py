"""An estimate with made-up numbers, and one that is thrown away."""

import gblend_keras as gb
from gblend_keras.blending.estimate import BlendEstimate

HEADS = ("m0", "m1", "joint")
ANY = BlendEstimate(
    epoch=0,
    num_epochs=1,
    weights={"m0": 0.5, "m1": 0.25, "joint": 0.25},
    generalization=dict.fromkeys(HEADS, 0.1),
    overfitting=dict.fromkeys(HEADS, 0.2),
    overfitting_error=dict.fromkeys(HEADS, 0.01),
    ogr={"m0": 2.0, "m1": None, "joint": 2.0},
    intervals=dict.fromkeys(HEADS, [0.2, 0.6]),  # as JSON gives them
    kept_previous=False,
    measure="loss",
    num_holdout=24,
    num_passes=0,
    examples_trained=0,
    seconds=0.0,
)


class ThrowAway(gb.GradientBlending):
    """Estimates, and then trains on as if nothing had been found."""

    def on_epoch_begin(self, epoch, logs=None):
        before = self.model.blend_weights
        super().on_epoch_begin(epoch, logs)
        self.model.assign_blend_weights(before)
        self.model.pool.assign({})
