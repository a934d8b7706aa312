"""WEDA-FALL: 19 activities and falls from three sensors of a watch.

Run:     gblend train --recipe=weda_fall --data_dir=DIR --workdir=DIR
Cost:    joint or uniform: 9 s of training on one core
Expect:  test: not measured yet. On validation (seed 1), in %:
         joint training 66.2; uniform: joint 69.0, blend 73.2
Weights: none
Source:  github.com/joaojtmarques/WEDA-FALL; split by people

The learning rate was chosen on validation, seed 1: with 0.0025, 0.005, 0.01,
0.02 and 0.04 joint training had 57.0, 59.2, 61.3, 61.3, 66.2 %.
24 epochs are less than a minute on one core. Why `channel_floored`: see
docs/data.md, "How inputs are scaled".

    gblend train --recipe=weda_fall --data_dir=DIR --seed=1 --blend=joint
      --set=data.evaluate_on=validation --set=train.learning_rate=RATE
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    tower = config.TowerConfig(kind="conv1d", standardize="channel_floored")
    return config.Recipe(
        name="weda_fall",
        data=config.DataConfig(
            dataset="weda_fall",
            modalities=("accelerometer", "gyroscope", "orientation"),
            validation_fraction=0.25,
        ),
        towers={
            "accelerometer": tower,
            "gyroscope": tower,
            "orientation": tower,
        },
        train=config.TrainConfig(epochs=24, learning_rate=0.04),
        blend=config.BlendConfig(
            first_super_epoch=8,
            super_epoch=4,
            holdout_fraction=0.125,  # one young person, mostly
            holdout_by_group=True,
            offline_fraction=0.25,
            offline_by_group=True,
        ),
    )
