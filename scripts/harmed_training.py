"""Answers after training that was harmed: wrong labels, a useless modality.

    python scripts/harmed_training.py --data_dir=DIR --out=FILE --seeds=3 \
        grid_letters_dense digits

Trains recipes by the probe on their validation splits, at the default loss
scale: as they are, with 30 % of the training labels drawn anew, and with one
modality's examples shuffled, in training and in evaluation. Appends each run to
FILE, so that a stopped call goes on. Prints a table: accuracy in %, negative
log-likelihood in nats.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import validation_runs

import gblend_keras as gb
from gblend_keras.answers import pool
from gblend_keras.data.sets import registry
from gblend_keras.evaluation import forecasts

ANSWERS = ("joint", "blend", "log-mean", "pool")
HARMS = ("none", "30 % wrong labels", "a shuffled modality")
WRONG = 0.3
POWERS = "exponents"
LOAD = registry.load


def main() -> None:
    """Trains what is not in the file yet, and prints the table."""
    given = validation_runs.arguments(__doc__)
    done = {tuple(run["key"]): run for run in validation_runs.read(given.out)}
    keys = [
        (name, harm, seed)
        for name in given.recipes
        for harm in HARMS
        for seed in range(given.seeds)
    ]
    for key in keys:
        if key not in done:
            done[key] = {"key": key, **_train(*key, given.data_dir)}
            validation_runs.append(given.out, done[key])
    print(f"| recipe | harm | {' | '.join(ANSWERS)} | exponents |")
    print("|---" * (3 + len(ANSWERS)) + "|")
    for name in given.recipes:
        for harm in HARMS:
            runs = [done[name, harm, seed] for seed in range(given.seeds)]
            cells = []
            for answer in ANSWERS:
                scores = np.array([run[answer] for run in runs])
                mean, spread = scores.mean(axis=0), scores.std(axis=0, ddof=1)
                cells.append(f"{mean[0]:.1f} ({spread[0]:.1f}), {mean[1]:.2f}")
            powers = ", ".join(
                f"{head} {np.mean([run[POWERS][head] for run in runs]):.2f}"
                for head in runs[0][POWERS]
            )
            print(f"| {name} | {harm} | {' | '.join(cells)} | {powers} |")


def _train(
    name: str, harm: str, seed: int, data_dir: Path | None
) -> dict[str, Any]:
    """Returns accuracy and loss of each answer, and the exponents."""

    def load(*arguments: Any, **options: Any) -> gb.Splits:
        return _harmed(LOAD(*arguments, **options), harm, seed)

    registry.load = load
    recipe = gb.config.with_settings(
        gb.recipes.get(name), validation_runs.SETTINGS
    )
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as place:
        run = gb.training.Run(
            Path(place) / "run", data_dir=data_dir, seed=seed, verbose=False
        )
        summary = gb.training.train(recipe, run)
        path = run.workdir / "evaluation_validation" / "predictions.npz"
        with np.load(path, allow_pickle=False) as arrays:
            stored = dict(arrays)
    heads = summary["answering_heads"]
    said = {head: stored[f"probabilities_{head}"] for head in heads}
    equal = dict.fromkeys(heads, 1 / len(heads))
    stored["probabilities_log-mean"] = pool.pooled_from(
        said, equal, multi_label=False
    )
    y = stored["y"]
    found: dict[str, Any] = {POWERS: summary["pool"]["exponents"]}
    for answer in ANSWERS:
        p = stored[f"probabilities_{answer}"]
        found[answer] = (
            100 * float(np.mean(p.argmax(axis=1) == y)),
            forecasts.negative_log_likelihood(p, y),
        )
    return found


def _harmed(splits: gb.Splits, harm: str, seed: int) -> gb.Splits:
    """Returns the splits with what is to be harmed."""
    rng = np.random.default_rng(seed)
    train, test = splits.train, splits.test
    if harm == HARMS[1]:
        wrong = rng.random(len(train.y)) < WRONG
        drawn = rng.integers(0, len(splits.class_names), len(train.y))
        train = dataclasses.replace(train, y=np.where(wrong, drawn, train.y))
    if harm == HARMS[2]:
        train, test = (_shuffled(each, rng) for each in (train, test))
    return dataclasses.replace(splits, train=train, test=test)


def _shuffled(examples: Any, rng: np.random.Generator) -> Any:
    """Returns examples whose last modality belongs to other examples."""
    *_, last = examples.x
    x = dict(examples.x)
    x[last] = x[last][rng.permutation(len(examples.y))]
    return dataclasses.replace(examples, x=x)


if __name__ == "__main__":
    main()
