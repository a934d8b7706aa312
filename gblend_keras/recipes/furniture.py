"""Furniture: the room or kind of an object from picture, words, points, size.

Run:     gblend train --recipe=furniture --data_dir=DIR --workdir=DIR
Cost:    joint or uniform: 40 s of training on one core
Expect:  test: not measured yet. On validation (seed 1), in %:
         joint training 73.4; uniform: joint 77.1, blend 71.6
Weights: none
Source:  Sweet Home 3D's furniture libraries, http://www.sweethome3d.com

The learning rate was chosen on validation, seed 1: with 0.0025, 0.005, 0.01,
0.02 and 0.04 joint training had 55.0, 61.5, 73.4, 68.8, 65.1 %.
So was the scaling of `text`. 24 epochs are less than a minute on one core.

    gblend train --recipe=furniture --data_dir=DIR --seed=1 --blend=joint
      --set=data.evaluate_on=validation --set=train.learning_rate=RATE
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="furniture",
        data=config.DataConfig(
            dataset="furniture",
            modalities=("image", "text", "points", "size"),
            validation_fraction=0.25,
        ),
        towers={
            "image": config.TowerConfig(kind="conv2d"),
            "text": config.TowerConfig(
                kind="mlp", widths=(64,), standardize="element_floored"
            ),
            "points": config.TowerConfig(
                kind="pointnet", variant="small", standardize="none"
            ),
            "size": config.TowerConfig(
                kind="mlp", widths=(32, 32), standardize="element"
            ),
        },
        train=config.TrainConfig(epochs=24, learning_rate=0.01),
        blend=config.BlendConfig(
            first_super_epoch=8,
            super_epoch=4,
            holdout_fraction=0.125,
            holdout_by_group=True,
            offline_fraction=0.25,
            offline_by_group=True,
        ),
    )
