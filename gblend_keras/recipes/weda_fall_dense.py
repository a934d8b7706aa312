"""WEDA-FALL with fully connected towers, which overfit to the people.

Run:     gblend train --recipe=weda_fall_dense --data_dir=DIR --workdir=DIR
Cost:    joint or uniform: 4 s of training on one core
Expect:  test: not measured yet. On validation (seed 1), in %:
         joint training 69.0; uniform: joint 68.3, blend 66.9
Weights: none
Source:  github.com/joaojtmarques/WEDA-FALL; split by people

The learning rate was chosen on validation, seed 1: with 0.0025, 0.005, 0.01,
0.02 and 0.04 joint training had 66.9, 69.0, 68.3, 64.8, 65.5 %.
24 epochs are less than a minute on one core.

    gblend train --recipe=weda_fall_dense --data_dir=DIR --seed=1 --blend=joint
      --set=data.evaluate_on=validation --set=train.learning_rate=RATE
"""

import dataclasses

from gblend_keras import config
from gblend_keras.recipes import weda_fall


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    dense = config.TowerConfig(
        kind="mlp", widths=(128,), standardize="element_floored"
    )
    convolutional = weda_fall.recipe()
    return dataclasses.replace(
        convolutional,
        name="weda_fall_dense",
        towers=dict.fromkeys(convolutional.towers, dense),
        train=config.TrainConfig(epochs=24, learning_rate=0.005),
    )
