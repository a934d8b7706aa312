"""WEDA-FALL with fully connected towers, which overfit to the people.

Run:     gblend train --recipe=weda_fall_dense --data_dir=DIR --workdir=DIR
Cost:    not measured yet
Expect:  not measured yet
Weights: none
Source:  github.com/joaojtmarques/WEDA-FALL; split by people
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    dense = config.TowerConfig(kind="mlp", widths=(128,), standardize="element")
    return config.Recipe(
        name="weda_fall_dense",
        data=config.DataConfig(
            dataset="weda_fall",
            modalities=("accelerometer", "gyroscope", "orientation"),
            validation_fraction=0.25,
        ),
        towers={
            "accelerometer": dense,
            "gyroscope": dense,
            "orientation": dense,
        },
        train=config.TrainConfig(epochs=24, learning_rate=0.005),
        blend=config.BlendConfig(
            first_super_epoch=8,
            super_epoch=4,
            holdout_fraction=0.125,  # one young person, mostly
            holdout_by_group=True,
            offline_fraction=0.25,
            offline_by_group=True,
        ),
    )
