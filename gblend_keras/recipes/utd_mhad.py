"""UTD-MHAD: 27 actions from depth, skeleton and inertial sensor.

Run:     gblend train --recipe=utd_mhad --data_dir=DIR --workdir=DIR
Cost:    see README.md, "Measured"
Expect:  see README.md, "Measured"
Weights: none
Source:  Chen, Jafari & Kehtarnavaz, ICIP 2015; cross-subject split
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    floored = config.TowerConfig(kind="conv1d", standardize="channel_floored")
    return config.Recipe(
        name="utd_mhad",
        data=config.DataConfig(
            dataset="utd_mhad",
            modalities=("depth", "skeleton", "inertial"),
            validation_fraction=0.25,  # one of four subjects
        ),
        towers={
            "depth": config.TowerConfig(
                kind="conv2d", standardize="channel_floored"
            ),
            "skeleton": floored,
            "inertial": floored,
        },
        train=config.TrainConfig(
            epochs=24,
            learning_rate=0.05,
            # At this high rate a head with most of the weight would train too
            # fast with the default, 4: chosen on held out training subjects.
            loss_scale=1.0,
        ),
        blend=config.BlendConfig(
            first_super_epoch=8,
            super_epoch=4,
            holdout_fraction=0.125,
            offline_fraction=0.25,  # one of four subjects
            offline_by_group=True,
        ),
    )
