"""Views of one example: pool the heads first, or average the views first?

    python scripts/view_order.py --data_dir=DIR RUN...

For runs with `data.evaluate_on=validation`. Ten views of each example of that
split: each moved in time by up to a tenth, with noise of a fifth of the
deviation. Prints accuracy and negative log-likelihood of one view, of the mean
over views of each view's pool, and of the pool of each head's mean over views.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import gblend_keras as gb
from gblend_keras.answers import pool
from gblend_keras.evaluation import forecasts

NUM_VIEWS = 10


def main() -> None:
    """Prints a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data_dir", type=Path)
    given = parser.parse_args()
    print("run | one view | pools, then views | views, then pool")
    for folder in given.runs:
        run = gb.runs.load_run(folder)
        splits = gb.data.load(
            run.recipe.data, data_dir=given.data_dir, seed=run.seed
        )
        x, y = splits.test.x, splits.test.y
        rng = np.random.default_rng(0)
        said = [
            run.model.predict(_view(x, rng), batch_size=128, verbose=0)
            for _ in range(NUM_VIEWS)
        ]
        heads = pool.answering_heads(run.model, list(x))
        powers = run.model.pool.exponents(heads)
        means = {
            head: np.mean([each[head] for each in said], axis=0)
            for head in heads
        }
        found = (
            said[0]["pool"],
            np.mean([each["pool"] for each in said], axis=0),
            pool.pooled_from(means, powers, multi_label=False),
        )
        cells = [
            f"{100 * np.mean(p.argmax(axis=1) == y):.1f} %, "
            f"{forecasts.negative_log_likelihood(p, y):.3f} nats"
            for p in found
        ]
        print(f"{folder} | {' | '.join(cells)}")


def _view(x: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Returns every example moved in time and with noise."""
    moved = {}
    for name, values in x.items():
        steps = max(1, values.shape[1] // 10)
        shift = int(rng.integers(-steps, steps + 1))
        noise = rng.normal(size=values.shape) * values.std() / 5
        view = np.roll(values, shift, axis=1) + noise
        moved[name] = view.astype(values.dtype)
    return moved


if __name__ == "__main__":
    main()
