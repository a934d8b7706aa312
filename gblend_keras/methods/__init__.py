"""Methods of training: one module each, with a function `method`.

Add a method by adding a file; docs/methods.md has an example. Listing them
loads no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
