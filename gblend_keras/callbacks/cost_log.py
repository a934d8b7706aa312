"""The file that counts what the epochs of a run cost, `cost.json`."""

import json
import time
from pathlib import Path
from typing import Any

import keras

from gblend_keras.distribution import workers
from gblend_keras.utils import files


class CostLog(keras.callbacks.Callback):
    """Counts what training costs, over every part of an interrupted run.

    Estimates inside an epoch count in its seconds, not in its examples: an
    estimate counts its own (`BlendEstimate.examples_trained`).

    Args:
        path: JSON file with one entry an epoch: its seconds and examples.
        epochs_done: Entries of later epochs are dropped: they come again.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> path = Path(tempfile.mkdtemp(), "cost.json")
        >>> cost = gb.callbacks.CostLog(path, epochs_done=0)
        >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[cost])
        >>> cost.examples_trained
        80
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
