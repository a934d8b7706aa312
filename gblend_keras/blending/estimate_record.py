"""Record of a run's estimates, in memory and in `blend_history.json`."""

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf
from absl import logging

from gblend_keras.blending import fit_arguments
from gblend_keras.blending import snapshot
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate import read_history
from gblend_keras.blending.estimate import write_history
from gblend_keras.blending.estimate_progress import Journal
from gblend_keras.blending.estimators.estimator import Estimator
from gblend_keras.blending.model import BlendedModel
from gblend_keras.blending.super_epochs import Window
from gblend_keras.data.division import Division
from gblend_keras.utils import progress
from gblend_keras.utils import state_files

PROGRESS_SUFFIX = ".progress" + state_files.SUFFIX


class EstimateRecord:
    """The estimates of a run; a killed run that finds them repeats none.

    Args:
        path: JSON file for the estimates; None to keep them in memory alone.

    Attributes:
        estimates: Every estimate so far.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.estimates: list[BlendEstimate] = []
        self._path = Path(path) if path else None
        self._stored: list[BlendEstimate] = []
        self._fingerprints: dict[int, str] = {}
        self._begun = False

    def read(self) -> None:
        """Forgets all estimates, and reads those that an earlier try wrote.

        Raises:
            ValueError: If the file is damaged or of another format.
        """
        self.estimates, self._stored, self._fingerprints = [], [], {}
        self._begun = False
        if self._path is None or not self._path.exists():
            return
        for entry in read_history(self._path):
            estimate = BlendEstimate.from_json(entry)
            self._stored.append(estimate)
            self._fingerprints[estimate.epoch] = str(entry.get("state"))

    def begin_epoch(self, epoch: int) -> None:
        """Takes over, in the first epoch of a `fit`, the estimates before it.

        Args:
            epoch: The epoch that begins.
        """
        if not self._begun:
            self.estimates = [
                each for each in self._stored if each.epoch < epoch
            ]
            self._begun = True

    def logs(self, model: BlendedModel) -> dict[str, float]:
        """Returns the weights and the OGR of each head, for `fit` to log."""
        logs = {
            f"blend_weight_{head}": weight
            for head, weight in model.blend_weights.items()
        }
        latest = self.estimates[-1].ogr if self.estimates else {}
        for head in model.head_names:
            ratio = latest.get(head)
            logs[f"ogr_{head}"] = float("nan") if ratio is None else ratio
        return logs

    def end(self) -> None:
        """Takes over all estimates where an earlier try did every epoch."""
        if not self._begun:
            self.estimates = list(self._stored)

    def find(self, epoch: int, fingerprint: str) -> BlendEstimate | None:
        """Returns the estimate that an earlier try wrote, or None.

        Args:
            epoch: When it was made.
            fingerprint: Names the state that it is a function of.
        """
        if self._fingerprints.get(epoch) != fingerprint:
            return None
        return next((e for e in self._stored if e.epoch == epoch), None)

    def journal(self, fingerprint: str) -> Journal:
        """Returns what keeps the progress of an estimate, beside the file."""
        if self._path is None:
            return Journal(None)
        name = self._path.stem + PROGRESS_SUFFIX
        return Journal(self._path.with_name(name), fingerprint)

    def add(
        self, estimate: BlendEstimate, fingerprint: str, *, write: bool
    ) -> None:
        """Adds an estimate; its progress is no longer needed then.

        Args:
            estimate: The estimate.
            fingerprint: Names the state that it is a function of.
            write: Whether this worker writes the file.
        """
        self.estimates.append(estimate)
        self._fingerprints[estimate.epoch] = fingerprint
        if write and self._path is not None:
            write_history(self._path, self.estimates, self._fingerprints)
            self.journal(fingerprint).remove()  # not before it is written


def announce(
    estimate: BlendEstimate,
    settings: fit_arguments.FitSettings,
    *,
    show: bool,
) -> None:
    """Says what an estimate found: on the terminal and in TensorBoard.

    Args:
        estimate: The estimate.
        settings: Those of the `fit` that it is made for.
        show: Whether this worker says it; all warn of weights that stay.
    """
    if estimate.kept_previous:
        logging.warning(
            "Epoch %d: no head generalized; the weights stay.", estimate.epoch
        )
    if not show:
        return
    if settings.verbose:
        progress.say(estimate.summary())
    for folder in settings.log_dirs:
        with tf.summary.create_file_writer(folder).as_default():
            text = "\n".join(f"    {each}" for each in estimate.lines())
            tf.summary.text("blend", text, step=estimate.epoch)


def fingerprint(
    model: keras.Model,
    window: Window,
    estimator: Estimator,
    divisions: Sequence[Division],
    settings: fit_arguments.FitSettings,
) -> str:
    """Names everything that an estimate is a function of.

    Args:
        model: The model, in the state in which the estimate begins.
        window: N and n.
        estimator: What makes the estimate.
        divisions: T and V, which count where their rows are known.
        settings: The settings of the outer `fit`.
    """
    training_set = divisions[0].training_set
    rows = [None if training_set is None else training_set.rows]
    rows += [each.holdout_rows for each in divisions]
    return snapshot.fingerprint(
        model,
        window,
        estimator.identity,
        settings.class_weight,
        settings.steps_per_epoch,
        *(each.tobytes() for each in rows if each is not None),
    )
