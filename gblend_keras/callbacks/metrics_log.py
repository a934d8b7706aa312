"""The file that keeps the logs of a run's epochs, `metrics.csv`."""

import csv
import io
from pathlib import Path
from typing import Any

import keras

from gblend_keras.distribution import workers
from gblend_keras.utils import files


class MetricsLog(keras.callbacks.Callback):
    """Keeps `metrics.csv`: one row an epoch, whole after each epoch.

    Args:
        path: The file.
        epochs_done: Rows of later epochs are dropped: they come again.

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
        >>> path = Path(tempfile.mkdtemp(), "metrics.csv")
        >>> log = gb.callbacks.MetricsLog(path, epochs_done=0)
        >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[log])
        >>> len(gb.callbacks.read_metrics(path))
        2
    """

    def __init__(self, path: Path, *, epochs_done: int) -> None:
        super().__init__()
        self._path = path
        self._rows = [
            row for row in read_metrics(path) if int(row["epoch"]) < epochs_done
        ]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row: dict[str, Any] = {"epoch": epoch}
        for name, value in sorted((logs or {}).items()):
            row[name] = f"{float(value):.7g}"
        self._rows.append(row)
        fields = list(dict.fromkeys(key for each in self._rows for key in each))
        text = io.StringIO()
        writer = csv.DictWriter(text, fields, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(self._rows)
        if workers.is_chief(self.model.distribute_strategy):
            files.write_text(self._path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Reads a `metrics.csv`; empty when there is none.

    It has no format number: its first line names the columns, and readers
    take them by name.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> rows = gb.callbacks.read_metrics(Path("run/metrics.csv"))
        >>> [(row["epoch"], float(row["val_joint_loss"])) for row in rows[:2]]
        [('0', 2.1), ('1', 2.0)]
    """
    return files.read_csv(path)
