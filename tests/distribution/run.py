"""Trains the recipe in a folder: python -m tests.distribution.run WORKDIR ...

python -m tests.distribution.run WORKDIR DATA BLEND STRATEGY [SETTING ...]
"""

import json
import sys
from pathlib import Path

import gblend_keras as gb
from gblend_keras.distribution import workers

SETTINGS = [
    "data.batch_size=16",
    "train.epochs=4",
    "towers.m0.widths=8",
    "towers.m1.widths=8",
    "blend.first_super_epoch=2",
    "blend.super_epoch=1",
    "blend.holdout_fraction=0.2",
    "blend.offline_fraction=0.2",
]

if __name__ == "__main__":
    workdir, data, blend, strategy, *settings = sys.argv[1:]
    recipe = gb.config.with_settings(
        gb.recipes.get("arrays"), [f"data.path={data}", *SETTINGS, *settings]
    )
    run = gb.training.Run(workdir=Path(workdir), blend=blend, strategy=strategy)
    print(json.dumps(gb.training.train(recipe, run)))
    if strategy == "multi_worker":
        workers.end_process()
