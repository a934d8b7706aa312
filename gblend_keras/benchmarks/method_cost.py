"""What methods cost beside joint training, measured on a recipe."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from gblend_keras import config
from gblend_keras import methods as catalog
from gblend_keras.training import trainer

BASELINE = "joint"


def measure(
    recipe: config.Recipe,
    *,
    data_dir: Path | None,
    methods: Sequence[str] = ("uniform", "probe"),
    rounds: int = 5,
) -> dict[str, Any]:
    """Trains a recipe with joint training and with each method, in turns.

    A round trains each of them once, with the seed of the round, all epochs
    of the recipe; the next round begins with another one. So what slows the
    machine for a while slows all of them.

    Args:
        recipe: What is trained.
        data_dir: Folder that holds the data sets' folders.
        methods: Names as `--blend` takes them.
        rounds: Interleaved rounds.

    Returns:
        For each method: "seconds" and "whole_run_seconds", medians over
        rounds of what training took (estimates and validation included) and
        of the whole run (building, tracing, evaluation, pictures), as
        multiples of joint training's; "quartiles" of the first; "examples",
        those trained on and, in estimates, passed forward, as a multiple of
        joint training's.

    Raises:
        ValueError: If a method is unknown, the data are bad or `rounds` is
            out of range.
    """
    config.check_range("rounds", rounds, 1, 1000)
    for method in methods:
        config.check_choice("methods", method, tuple(catalog.names()))
    contenders = [BASELINE, *(name for name in methods if name != BASELINE)]
    took: dict[str, list[_Took]] = {name: [] for name in contenders}
    for seed in range(rounds):
        first = seed % len(contenders)
        for method in contenders[first:] + contenders[:first]:
            took[method].append(_train(recipe, data_dir, method, seed))
    return {
        method: _beside(took[method], took[BASELINE])
        for method in contenders[1:]
    }


@dataclasses.dataclass(frozen=True)
class _Took:
    """What one run took."""

    whole_run_seconds: float
    seconds: float
    examples: float


def _train(
    recipe: config.Recipe, data_dir: Path | None, method: str, seed: int
) -> _Took:
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        run = trainer.Run(
            Path(folder) / "run",
            data_dir=data_dir,
            seed=seed,
            blend=method,
            verbose=False,
        )
        began = time.perf_counter()
        summary = trainer.train(recipe, run)
        whole = time.perf_counter() - began
    measured = summary.get("examples_measured_in_estimates", 0)
    return _Took(
        whole, summary["seconds"], summary["examples_trained"] + measured
    )


def _beside(ours: Sequence[_Took], joint: Sequence[_Took]) -> dict[str, Any]:
    """Returns the medians, over rounds, of the multiples of joint training."""
    ratios = {
        field.name: [
            getattr(one, field.name) / getattr(other, field.name)
            for one, other in zip(ours, joint, strict=True)
        ]
        for field in dataclasses.fields(_Took)
    }
    quartiles = statistics.quantiles(ratios["seconds"], n=4) if ours[1:] else []
    return {
        **{name: statistics.median(each) for name, each in ratios.items()},
        "quartiles": quartiles,
        "rounds": len(ours),
    }
