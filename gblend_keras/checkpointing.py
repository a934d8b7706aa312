"""What a run keeps after each epoch, so that a killed one goes on."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import keras
from absl import logging

from gblend_keras import files

KEPT = 2  # the newest, and one before it in case the newest is damaged
_NAME = re.compile(r"epoch-(\d+)\.weights\.h5")


class RunCheckpoint(keras.callbacks.Callback):
    """Writes model and optimizer after each epoch, whole or not at all.

    Ours: `keras.callbacks.BackupAndRestore` overwrites its one file in place
    and its epoch number after it; a run killed between the two is lost, or
    repeats an epoch. Here the epoch is in the file's name, and one rename
    makes both appear.

    Args:
        folder: Where the checkpoints go.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        target = self.folder / f"epoch-{epoch + 1:06d}.weights.h5"
        with files.replacing(target, suffix=".weights.h5") as beside:
            self.model.save_weights(beside, overwrite=True)
        for _, path in saved_epochs(self.folder)[KEPT:]:
            path.unlink(missing_ok=True)


def saved_epochs(folder: Path) -> list[tuple[int, Path]]:
    """Returns (epochs finished, file) of each checkpoint, newest first."""
    found = []
    if folder.is_dir():
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match.group(1)), path))
    return sorted(found, reverse=True)


def restore_newest(model: keras.Model, folder: Path) -> int:
    """Loads the newest checkpoint that is whole.

    Args:
        model: A compiled, built model.
        folder: Where the checkpoints are.

    Returns:
        How many epochs were finished; 0 without a checkpoint.

    Raises:
        ValueError: If there are checkpoints but none can be read.
    """
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    saved = saved_epochs(folder)
    for epoch, path in saved:
        try:
            model.load_weights(path)
        except (OSError, KeyError, ValueError) as error:
            logging.warning(
                "Checkpoint %s is damaged (%s); trying the one before it.",
                path,
                error,
            )
            continue
        return epoch
    if saved:
        raise ValueError(
            f"No checkpoint in {folder} can be read. Expected one of "
            f"{[path.name for _, path in saved]}. Received: damaged files. "
            "Remove the folder to start anew."
        )
    return 0


class MetricsLog(keras.callbacks.Callback):
    """Keeps `metrics.csv`: one row an epoch, whole after each epoch.

    Args:
        path: The file.
        epochs_done: Rows of later epochs are dropped: they come again.
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
        files.write_text(self._path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Reads a `metrics.csv`; empty when there is none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))
