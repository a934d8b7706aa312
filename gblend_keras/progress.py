"""Progress of long work: a line on a terminal, or now and then in a log."""

import sys
from typing import Any
from typing import TextIO

import keras
import tqdm

LOG_SECONDS = 30.0  # between two lines in a log file


class _WholeLines:
    """Turns what a bar redraws into lines, for a log file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes what is not blank as a line."""
        line = text.strip()
        if line:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()


def make_bar(total: int | None, title: str, *, show: bool = True) -> Any:
    """Returns a `tqdm` bar with rate and time left.

    Args:
        total: Steps that the work has; None when that is not known.
        title: What is being done.
        show: False for a bar that prints nothing.
    """
    terminal = sys.stderr.isatty()
    return tqdm.tqdm(
        total=total,
        desc=title,
        disable=not show,
        file=sys.stderr if terminal else _WholeLines(sys.stderr),
        mininterval=0.2 if terminal else LOG_SECONDS,
        dynamic_ncols=terminal,
        leave=False,
        ascii=not terminal,
    )


def say(text: str) -> None:
    """Prints lines to standard output, above the bars on the screen."""
    tqdm.tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


class TrainingProgress(keras.callbacks.Callback):
    """Shows a whole training in one line: epoch, losses, time left.

    Args:
        epochs: Where training ends.
        show: False to print nothing.
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
