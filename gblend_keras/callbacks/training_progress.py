"""Progress of long work: a line on a terminal, or now and then in a log."""

from typing import Any

import keras

from gblend_keras.utils.progress import make_bar
from gblend_keras.utils.progress import say

__all__ = ["TrainingProgress", "make_bar", "say"]


class TrainingProgress(keras.callbacks.Callback):
    """Shows a whole training in one line: epoch, losses, time left.

    Args:
        epochs: Where training ends.
        show: False to print nothing.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> line = gb.callbacks.TrainingProgress(epochs=2)
        >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[line])
    """

    def __init__(self, epochs: int, *, show: bool = True) -> None:
        super().__init__()
        self._epochs = epochs
        self._show = show
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._bar is None:
            self._bar = make_bar(self._epochs, "training", show=self._show)
            self._bar.update(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = logs or {}
        shown = {
            "loss": values.get("loss"),
            "joint": values.get("val_joint_accuracy"),
            "blend": values.get("val_blend_accuracy"),
        }
        self._bar.set_postfix(
            {
                name: f"{value:.3f}"
                for name, value in shown.items()
                if value is not None
            },
            refresh=False,
        )
        self._bar.update()

    def on_train_end(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
