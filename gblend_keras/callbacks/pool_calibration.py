"""CalibratePool: the pool's exponents from validation data, at the end."""

from __future__ import annotations

from typing import Any

import keras
import numpy.typing as npt

from gblend_keras.answers import calibration


class CalibratePool(keras.callbacks.Callback):
    """Calibrates the pool of a `BlendedModel` when training ends.

    Put it last in `callbacks`: what restores the best weights comes before.
    The examples may be the `validation_data` of `fit`. They no longer judge
    the pool fairly then; `calibration.cross_validated` does.

    Ours; see `BlendedModel.calibrate`.

    Args:
        x: `{modality: array}`, or a dataset as `fit` takes it, of examples
            that are not trained on.
        y: Labels, where `x` holds arrays.
        sample_weight: Weights of the examples, where `x` holds arrays.
        groups: Whose each example is, shape `(N,)`, where `x` holds arrays.
        verbose: Whether what came of it is printed.

    Attributes:
        calibration: What came of it; None before the end of training.

    Raises:
        ValueError: If the arguments do not fit together, or, before training,
            if the examples do not suit the model.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> last = gb.callbacks.CalibratePool(x, y, verbose=False)
        >>> _ = model.fit(x, y, verbose=0, callbacks=[last])
        >>> last.calibration.num_examples
        40
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        groups: npt.ArrayLike | None = None,
        verbose: bool = True,
    ) -> None:
        super().__init__()
        if y is not None:
            calibration.check_arrays(y, sample_weight, groups)
        elif groups is not None:
            raise ValueError(
                "`groups` needs arrays. Expected `x` and `y` as arrays beside "
                f"it. Received: x={type(x).__name__} without y. Pass arrays, "
                "or call model.calibrate after training."
            )
        self._data = (x, y, sample_weight)
        self._groups = groups
        self._verbose = verbose
        self.calibration: calibration.Calibration | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        self.model.check_evaluated(*self._data)

    def on_train_end(self, logs: Any = None) -> None:
        self.calibration = self.model.calibrate(
            *self._data, groups=self._groups
        )
        if self._verbose:
            print(self.calibration.summary())
