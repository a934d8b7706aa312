"""What each part of the probe is worth: trains recipes without it.

    python scripts/probe_ablations.py --data_dir=DIR --out=FILE \
        grid_letters_dense weda_fall --seeds=3

On validation splits, with the recipes' rates and the default loss scale.
Prints joint head / mean of heads in %, means over seeds, and appends each
finished run to FILE, so that a stopped call goes on. The tables in
docs/results.md come from it.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import validation_runs

import gblend_keras as gb
from gblend_keras.blending import ogr
from gblend_keras.blending.estimators.probe import Probe
from gblend_keras.blending.loss_changes import Losses
from gblend_keras.methods import base
from gblend_keras.methods import probe as method_file


class WithoutErrors(Probe):
    """Weights from G and O alone, without their errors and the bootstrap."""

    def weigh(
        self, train: Losses, holdout: Losses, heads: Sequence[str]
    ) -> tuple[Any, Any]:
        """Computes w_k ~ (1 / (1 + OGR_k**2))**power."""
        measured = ogr.measure(train, holdout)
        shares = ogr.generalization_share(
            measured.generalization, measured.overfitting
        )
        weights = shares**self.power / np.sum(shares**self.power)
        weights = np.maximum(weights, [*self.settings.floors(heads).values()])
        weights /= weights.sum()
        return weights, weights[None]


class ByExample(Probe):
    """Errors by example, also where V is made of groups."""

    def weigh(
        self, train: Losses, holdout: Losses, heads: Sequence[str]
    ) -> tuple[Any, Any]:
        """Forgets the groups."""
        return super().weigh(
            train._replace(group=None), holdout._replace(group=None), heads
        )


class FromLater(keras.callbacks.Callback):
    """Equal weights for as long as the probe took: the way is not gone back."""

    def __init__(self, blending: Any, num_epochs: int) -> None:
        super().__init__()
        self._blending = blending
        self._num_epochs = num_epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        weights = self._blending.estimates[0].weights
        if epoch < self._num_epochs:
            weights = dict.fromkeys(weights, 1 / len(weights))
        self.model.assign_blend_weights(weights)


# Name: the method, what is set, and the estimator in place of the probe.
VARIANTS: dict[str, tuple[str, tuple[str, ...], type[Probe]]] = {
    "equal weights": ("uniform", (), Probe),
    "probe": ("probe", (), Probe),
    "a share of 1/8": ("probe", ("methods.probe.share=0.125",), Probe),
    "power 1": ("probe", ("methods.probe.power=1",), Probe),
    "without errors": ("probe", (), WithoutErrors),
    "errors by example": ("probe", (), ByExample),
    "without going back": ("probe", (), Probe),
    "without proof": ("probe", ("methods.probe.prove=0",), Probe),
    "scale by heads": ("probe", ("train.scale_by=heads",), Probe),
}


def main() -> None:
    """Trains what is not in the file yet, and prints a table a recipe."""
    given = validation_runs.arguments(__doc__)
    done = {
        (run["recipe"], run["variant"], run["seed"]): run
        for run in validation_runs.read(given.out)
    }
    for name in given.recipes:
        for seed in range(given.seeds):
            for variant in VARIANTS:
                if (name, variant, seed) not in done:
                    found = _train(name, variant, seed, given.data_dir)
                    done[name, variant, seed] = found
                    key = {"recipe": name, "variant": variant, "seed": seed}
                    validation_runs.append(given.out, key | found)
        _print_table(name, done, given.seeds)


def _train(
    name: str, variant: str, seed: int, data_dir: Path | None
) -> dict[str, Any]:
    """Returns what a run answers, what was said of it, and its cost."""
    method, settings, estimator = VARIANTS[variant]
    recipe = gb.config.with_settings(
        gb.recipes.get(name), [*validation_runs.SETTINGS, *settings]
    )
    method_file.Probe = estimator  # type: ignore[misc]
    method_file.offline.blended = (  # type: ignore[attr-defined]
        _blended_from_later if variant == "without going back" else BLENDED
    )
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        run = gb.training.Run(
            Path(folder) / "run",
            data_dir=data_dir,
            seed=seed,
            blend=method,
            verbose=False,
        )
        summary = gb.training.train(recipe, run)
        history = run.workdir / "blend_history.json"
        first = gb.read_history(history)[0] if history.exists() else {}
    proof = first.get("proof") or {}
    return {
        "joint": summary["accuracy"]["joint"],
        "blend": summary["accuracy"]["blend"],
        "passed": proof.get("passed"),
        "collapsed": len(summary["collapsed"]),
    }


BLENDED = method_file.offline.blended  # type: ignore[attr-defined]


def _blended_from_later(
    run: base.ReadyRun, **arguments: Any
) -> base.TrainingData:
    """Returns what `blended` does, with `FromLater` after its callback."""
    data: base.TrainingData = BLENDED(run, **arguments)
    (blending,) = data.callbacks
    num_epochs = max(1, round(run.recipe.train.epochs / 16))
    later = FromLater(blending, num_epochs)
    return data._replace(callbacks=[blending, later])


def _print_table(
    name: str, done: dict[tuple[str, str, int], dict[str, Any]], seeds: int
) -> None:
    print(f"\n{name}, {seeds} seeds\n\n| | joint | mean of heads | used |")
    print("|---|---|---|---|")
    for variant in VARIANTS:
        runs = [done[name, variant, seed] for seed in range(seeds)]
        cells = []
        for answer in ("joint", "blend"):
            values = 100 * np.array([run[answer] for run in runs])
            cells.append(f"{values.mean():.1f} ({values.std(ddof=1):.1f})")
        used = sum(run["passed"] is True for run in runs)
        judged = sum(run["passed"] is not None for run in runs)
        cells.append(f"{used} of {judged}" if judged else "")
        print(f"| {variant} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
