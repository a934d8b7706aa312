"""Optimizers that undo much of what a weight on a loss does."""

import keras
from absl import logging

ADAPTIVE_OPTIMIZERS = (
    keras.optimizers.Adam,  # and AdamW
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Adamax,
    keras.optimizers.Nadam,
    keras.optimizers.RMSprop,
)


def warn_of_adaptive(optimizer: keras.optimizers.Optimizer) -> None:
    """Logs a warning if the optimizer divides gradients by their own size."""
    if isinstance(optimizer, ADAPTIVE_OPTIMIZERS):
        logging.warning(
            "%s divides each gradient by its own size, so blend weights "
            "change little inside a tower. Use SGD with momentum.",
            type(optimizer).__name__,
        )
