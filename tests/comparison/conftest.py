"""Comparisons of trainings whose results are given."""

import json

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.training import failures
from gblend_keras.training import trainer
from gblend_keras.utils import files
from tests import toy

HEADS = {"modalities": ["m0", "m1"], "joint": ["joint"]}


class Trainings:
    """Stands for `training.train`: results come from a function.

    Args:
        accuracy: `(method, seed, settings of the run) -> accuracy`, or raises.
    """

    def __init__(self, accuracy):
        self.accuracy = accuracy
        self.done = []

    def __call__(self, recipe, run):
        path = run.workdir / "summary.json"
        if path.exists():
            return json.loads(path.read_text())
        self.done.append((run.blend, run.workdir.name))
        with failures.recorded(run.workdir):
            return self._train(recipe, run)

    def _train(self, recipe, run):
        final = self.accuracy(run.blend, run.seed, recipe)
        answers = ("m0", "m1", "ensemble", "joint", "blend")
        # The accuracy peaks in epoch 1, at 0.05 above the last one.
        rows = [
            ["epoch", *[f"val_{answer}_accuracy" for answer in answers]],
            *[
                [epoch, *[final + more] * len(answers)]
                for epoch, more in enumerate((-0.1, 0.05, 0.0))
            ],
        ]
        lines = [",".join(map(str, row)) for row in rows]
        files.write_text(run.workdir / "metrics.csv", "\n".join(lines))
        summary = {
            "accuracy": dict.fromkeys(answers, final),
            "answering_heads": HEADS.get(run.blend, ["m0", "m1", "joint"]),
            "num_evaluated": 100,
            "seconds": 20.0 if run.blend == "offline" else 10.0,
            "examples_trained": 300 if run.blend == "offline" else 100,
            "examples_trained_in_estimates": 0,
            "seconds_in_estimates": 0.0,
            "blend_weights": {"m0": 0.5, "m1": 0.5, "joint": 0.0},
        }
        files.write_json(run.workdir / "summary.json", summary)
        return summary


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"), [f"data.path={tmp_path / 'toy.npz'}"]
    )


@pytest.fixture
def compare(recipe, tmp_path, monkeypatch):
    """Compares trainings whose accuracy a function gives."""

    def run_comparison(accuracy, *, settings=(), **arguments):
        trainings = Trainings(accuracy)
        with monkeypatch.context() as patch:
            patch.setattr(trainer, "train", trainings)
            # Half a second each, and there is nothing to clear.
            patch.setattr(keras.backend, "clear_session", lambda: None)
            found = gb.comparison.compare(
                gb.config.with_settings(recipe, list(settings)),
                trainer.Run(workdir=tmp_path / "all", verbose=False),
                **arguments,
            )
        return found, trainings.done

    return run_comparison


def plain(method, seed, recipe):
    """Joint 0.50, 0.52, 0.54; offline better by 0.10, 0.12, 0.14."""
    base = 0.5 + 0.02 * seed
    return base + (0.1 + 0.02 * seed if method == "offline" else 0.0)


def row_of(comparison, method, answer):
    (row,) = [
        row
        for row in comparison["rows"]
        if (row["method"], row["answer"]) == (method, answer)
    ]
    return row
