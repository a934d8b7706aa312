"""Pre-training: towers alone, then the joint network."""

import gblend_keras as gb
from gblend_keras.callbacks.phases import Phase


def test_pretraining_is_the_towers_alone_then_the_joint_network():
    heads = ["m0", "m1", "joint"]
    phases = gb.methods.get("pretrain").phases(heads, 6)
    assert phases == [Phase(6, ("m0", "m1")), Phase(6, ("joint",))]
