"""Accuracies on the split that a run reports, after each epoch."""

from collections.abc import Callable
from typing import Any

import keras

from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.runs import directory


class EvaluatedCurve(keras.callbacks.Callback):
    """Adds the accuracies on the reported split to the logs of each epoch.

    Nothing is chosen by them. They are needed where the `val_` columns say
    something else: where the set has a validation split of its own, or an
    answer (the ensemble) is no head of the model.

    Args:
        examples: The split that the summary reports.
        score: Function `(model, predictions, labels) -> {answer: accuracy}`.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> def joint_alone(model, predictions, labels):
        ...     right = predictions["joint"].argmax(axis=1) == labels
        ...     return {"joint": right.mean()}
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> test = gb.Examples(x, y)
        >>> curve = gb.callbacks.EvaluatedCurve(test, joint_alone)
        >>> history = model.fit(x, y, verbose=0, callbacks=[curve])
        >>> [key for key in history.history if key.startswith("evaluated_")]
        ['evaluated_joint_accuracy']
    """

    def __init__(
        self,
        examples: example_set.ExampleSet,
        score: Callable[[Any, Any, example_set.Array], dict[str, float]],
    ) -> None:
        super().__init__()
        self._examples = examples
        self._score = score

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is None:
            return
        predicted = self.model.predict(
            datasets.make_dataset(self._examples, batch_size=128), verbose=0
        )
        scores = self._score(self.model, predicted, self._examples.y)
        for answer, accuracy in scores.items():
            logs[f"{directory.EVALUATED}{answer}_accuracy"] = accuracy
