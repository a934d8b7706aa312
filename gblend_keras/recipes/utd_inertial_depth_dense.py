"""UTD-MHAD with fully connected towers: the paper's problem, plain to see.

Run:     gblend train --recipe=utd_inertial_depth_dense --data_dir=DIR
Cost:    see README.md, "Measured"
Expect:  see README.md, "Measured"
Weights: none
Source:  Chen, Jafari & Kehtarnavaz, ICIP 2015; cross-subject split
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    dense = config.TowerConfig(
        kind="mlp", widths=(128,), standardize="element_floored"
    )
    return config.Recipe(
        name="utd_inertial_depth_dense",
        data=config.DataConfig(
            dataset="utd_mhad",
            modalities=("inertial", "depth"),
            validation_fraction=0.25,  # one of four subjects
        ),
        towers={"inertial": dense, "depth": dense},
        train=config.TrainConfig(
            epochs=24, learning_rate=0.005, scale_by="heads"
        ),
        blend=config.BlendConfig(
            holdout_fraction=0.25,
            holdout_by_group=True,
            offline_fraction=0.25,  # one of four subjects
            offline_by_group=True,
        ),
    )
