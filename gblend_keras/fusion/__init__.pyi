"""Fusion: towers and heads as one network, `{modality} -> {head: logits}`."""

from .network import fuse as fuse
from .network import late_fusion as late_fusion
