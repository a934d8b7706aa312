"""Checkpoints of a run after each epoch, so that a killed run goes on."""

import re
import time
from pathlib import Path
from typing import Any

import keras
from absl import logging

from gblend_keras.blending import snapshot
from gblend_keras.distribution import workers
from gblend_keras.utils import files
from gblend_keras.utils import state_files

FORMAT = 2  # 1 was Keras' own `epoch-NNNNNN.weights.h5`, without checksums
KEPT = 2  # the newest, and one before it in case the newest is damaged
_NAME = re.compile(r"epoch-(\d+)(\.state\.zip|\.weights\.h5)")


class RunCheckpoint(keras.callbacks.Callback):
    """Writes model and optimizer after each epoch, whole or not at all.

    Before the first epoch it writes where training starts, so that a killed
    run goes on from the same initial weights. `restore_newest` reads it back.

    Ours: `keras.callbacks.BackupAndRestore` overwrites its one file in place
    and its epoch number after it; a run killed between the two is lost, or
    repeats an epoch. Here the epoch is in the file's name, and one rename
    makes both appear. Each file has checksums, and the one before it is kept.

    On several workers the chief alone writes, and all of them read.

    Args:
        folder: Where the checkpoints go. Of one run only.

    Example:
        The same lines begin a run, and go on with it after it was killed.

        >>> import tempfile
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> y = np.arange(40) % 2
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> model = gb.BlendedModel(gb.late_fusion(towers, num_classes=2))
        >>> model.compile("sgd")
        >>> folder = tempfile.mkdtemp()
        >>> done = gb.restore_newest(model, folder)  # 0 in a new folder
        >>> keep = gb.RunCheckpoint(folder)
        >>> _ = model.fit(
        ...     x, y, epochs=2, initial_epoch=done, callbacks=[keep], verbose=0
        ... )
        >>> gb.restore_newest(model, folder)
        2
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._started = time.monotonic()
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """What training took so far, over all tries, in what was kept."""
        return self._before + time.monotonic() - self._started

    def on_train_begin(self, logs: Any = None) -> None:
        self._started = time.monotonic()
        self._before = _seconds_before(self.folder)
        if not self._is_chief:
            return
        if self.folder.is_dir():
            files.remove_partial(self.folder)
        if not saved_epochs(self.folder):
            self._write(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self._is_chief:
            return
        self._write(epoch + 1)
        for _, path in saved_epochs(self.folder)[KEPT:]:
            path.unlink(missing_ok=True)

    @property
    def _is_chief(self) -> bool:
        return workers.is_chief(self.model.distribute_strategy)

    def _write(self, epochs: int) -> None:
        state_files.write(
            self.folder / f"epoch-{epochs:06d}{state_files.SUFFIX}",
            {"format": FORMAT, "epochs": epochs, "seconds": self.seconds},
            snapshot.state_arrays(self.model),
        )


def saved_epochs(folder: str | Path) -> list[tuple[int, Path]]:
    """Returns (epochs finished, file) of each checkpoint, newest first."""
    found = []
    place = Path(folder)
    if place.is_dir():
        for path in place.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match.group(1)), path))
    return sorted(found, reverse=True)


def restore_newest(model: keras.Model, folder: str | Path) -> int:
    """Loads the newest checkpoint that is whole.

    Args:
        model: A compiled, built model.
        folder: Where the checkpoints of `RunCheckpoint` are.

    Returns:
        How many epochs were finished; 0 without a checkpoint.

    Raises:
        ValueError: If there are checkpoints but none can be read, or they are
            another model's.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> gb.restore_newest(model, tempfile.mkdtemp())  # nothing there yet
        0
    """
    saved = saved_epochs(folder)
    for epoch, path in saved:
        try:
            _load(model, path)
        except (state_files.DamagedError, OSError) as error:
            logging.warning(
                "%s Trying the checkpoint before it: %s", path.name, error
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


def _seconds_before(folder: Path) -> float:
    """Returns the seconds that the newest checkpoint knows of."""
    for _, path in saved_epochs(folder):
        try:
            with state_files.reading(path) as state:
                return float(state.meta.get("seconds", 0.0))
        except (ValueError, OSError):  # damaged, or of format 1
            continue
    return 0.0


def _load(model: keras.Model, path: Path) -> None:
    if path.name.endswith(".weights.h5"):
        _load_format_1(model, path)
        return
    with state_files.reading(path) as state:
        found = state.meta.get("format")
        if found != FORMAT:
            raise ValueError(
                f"{path} has another format. Expected {FORMAT}. "
                f"Received: format={found}. Use the version that wrote it, "
                "or remove the folder to start anew."
            )
        snapshot.load_state(model, state)


def _load_format_1(model: keras.Model, path: Path) -> None:
    snapshot.state_variables(model)  # builds the optimizer
    try:
        model.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        raise state_files.DamagedError(
            f"{path} is damaged. Expected weights of this model. "
            f"Received: {error}. Remove the file."
        ) from error
