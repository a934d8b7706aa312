"""early_stopping: joint training; a held-out part of train picks the epoch.

    loss = L_joint,   reported: the epoch with the best accuracy of the joint
    head on V; of equal ones the lowest loss, then the earliest

Source: Wang, Tran & Feiszli, CVPR 2020, section 2.1 and Fig. 1.
Ours: the rule. The paper names none. No patience: all epochs are trained and
the best one is put back, which can only help this baseline. V is what online
G-Blend holds out (`blend.holdout_fraction`, `blend.holdout_by_group`), and is
not trained on.
Cost: 1 training, on less data.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gblend_keras.blending import fit_arguments
from gblend_keras.data import datasets
from gblend_keras.distribution import workers
from gblend_keras.heads import JOINT
from gblend_keras.methods import base
from gblend_keras.runs import directory
from gblend_keras.utils import files


def method() -> base.Method:
    """Returns joint training that is stopped early."""
    return base.Method(phases=base.joint_head, data=_held_out)


def _held_out(run: base.ReadyRun) -> base.TrainingData:
    settings = run.recipe.blend
    train, held = datasets.split_holdout(
        run.train,
        settings.holdout_fraction,
        seed=run.seed,
        groups=run.groups("holdout_by_group"),
        batch_size=run.recipe.data.batch_size,
    )
    best = BestEpoch(held, run.workdir / directory.CHECKPOINTS)
    return base.TrainingData(train, [best], best.report)


class BestEpoch(fit_arguments.BlendCallback):
    """Keeps the epoch in which the joint head is best on V.

    Args:
        holdout: V, which is not trained on.
        folder: Keeps the best weights until the run is finished. What an
            earlier, stopped `fit` has left there counts.
    """

    def __init__(self, holdout: tf.data.Dataset, folder: Path) -> None:
        super().__init__()
        self._holdout = holdout
        self._folder = folder
        self._best: dict[str, float] = {}

    def report(self) -> dict[str, Any]:
        """Returns what the summary says: the epoch, counted from 1."""
        return {
            "reported_epoch": int(self._best["epoch"]) + 1,
            "holdout_accuracy": self._best["accuracy"],
        }

    def on_train_begin(self, logs: Any = None) -> None:
        self._best = {}
        if self._path.exists():
            self._best = json.loads(self._path.read_text(encoding="utf-8"))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        found = self._measured()
        if self._rank(found) <= self._rank(self._best):
            return
        strategy = self.model.distribute_strategy
        weights = self._weights(epoch)
        with (
            workers.folder_to_write(strategy, self._folder) as folder,
            files.replacing(
                folder / weights.name, suffix=".weights.h5"
            ) as beside,
        ):
            self.model.save_weights(beside, overwrite=True)
        self._best = {"epoch": epoch, **found}

        def settle() -> None:
            files.write_json(self._path, self._best)  # from now on it counts
            for path in self._folder.glob("best-*.weights.h5"):
                if path != weights:
                    path.unlink()

        workers.on_chief(strategy, settle)

    def on_train_end(self, logs: Any = None) -> None:
        self.model.load_weights(self._weights(int(self._best["epoch"])))

    @property
    def _path(self) -> Path:
        return self._folder / "best_epoch.json"

    def _weights(self, epoch: int) -> Path:
        return self._folder / f"best-{epoch:06d}.weights.h5"

    def _measured(self) -> dict[str, float]:
        column = self.model.head_names.index(JOINT)
        mean = {}
        for measure in ("loss", "accuracy"):
            values, weights = self.model.measure(
                self._holdout,
                measure,
                class_weight=self.fit_settings.class_weight,
            )
            mean[measure] = float(
                np.average(values[:, column], weights=weights)
            )
        return {"accuracy": 1 - mean["accuracy"], "loss": mean["loss"]}

    @staticmethod
    def _rank(found: dict[str, float]) -> tuple[float, float]:
        if not found:
            return (-math.inf, -math.inf)
        return (found["accuracy"], -found["loss"])
