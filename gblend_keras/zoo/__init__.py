"""The zoo: trained networks, public checkpoints and Hub models, by name.

Listing and reading cards loads no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
