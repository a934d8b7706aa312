"""Callbacks that watch a run: what it costs, how the reported split goes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from gblend_keras.data import example_set
from gblend_keras.data import training_set
from gblend_keras.distribution import workers
from gblend_keras.utils import files

# Columns of `metrics.csv` that are measured on the split a summary reports.
EVALUATED = "evaluated_"


class CostLog(keras.callbacks.Callback):
    """Counts what training costs, over every part of an interrupted run.

    Estimates inside an epoch count in its seconds, not in its examples: an
    estimate counts its own (`BlendEstimate.examples_trained`).

    Args:
        path: JSON file with one entry an epoch: its seconds and examples.
        epochs_done: Entries of later epochs are dropped: they come again.
    """

    def __init__(self, path: Path, *, epochs_done: int) -> None:
        super().__init__()
        self._path = path
        self._entries: list[tuple[float, int]] = []
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            self._entries = [
                (float(seconds), int(examples)) for seconds, examples in found
            ][:epochs_done]
        self._since = 0.0
        self._examples: int | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all epochs, validation included."""
        return sum(seconds for seconds, _ in self._entries)

    @property
    def examples_trained(self) -> int:
        """Examples that the epochs trained on, without estimates."""
        return sum(examples for _, examples in self._entries)

    def on_train_begin(self, logs: Any = None) -> None:
        self._since = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._examples = None

    def on_test_begin(self, logs: Any = None) -> None:
        if self._examples is None:  # the metrics still are those of training
            self._examples = self.model.examples_seen

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._examples is None:  # without validation data
            self._examples = self.model.examples_seen
        now = time.monotonic()
        self._entries.append((now - self._since, self._examples))
        self._since = now
        if workers.is_chief(self.model.distribute_strategy):
            files.write_json(self._path, self._entries)


class EvaluatedCurve(keras.callbacks.Callback):
    """Adds the accuracies on the reported split to the logs of each epoch.

    Nothing is chosen by them. They are needed where the `val_` columns say
    something else: where the set has a validation split of its own, or an
    answer (the ensemble) is no head of the model.

    Args:
        examples: The split that the summary reports.
        score: Function `(model, predictions, labels) -> {answer: accuracy}`.
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
            training_set.make_dataset(self._examples, batch_size=128), verbose=0
        )
        scores = self._score(self.model, predicted, self._examples.y)
        for answer, accuracy in scores.items():
            logs[f"{EVALUATED}{answer}_accuracy"] = accuracy
