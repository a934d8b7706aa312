"""GRID: 25 spoken letters from lip video and sound, with convolutions.

Run:     gblend train --recipe=grid_letters --data_dir=DIR
Cost:    see README.md, "Measured"
Expect:  see README.md, "Measured"
Weights: none
Source:  Cooke, Barker, Cunningham & Shao, JASA 120:2421, 2006
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="grid_letters",
        data=config.DataConfig(
            dataset="grid_letters", modalities=("video", "sound")
        ),
        towers={
            "video": config.TowerConfig(kind="conv3d", widths=(8, 16, 32, 64)),
            "sound": config.TowerConfig(kind="conv2d", widths=(8, 16, 32, 64)),
        },
        train=config.TrainConfig(
            epochs=16, learning_rate=0.02, scale_by="heads"
        ),
        blend=config.BlendConfig(
            first_super_epoch=8,
            super_epoch=4,
            holdout_fraction=0.125,
            offline_fraction=0.25,
        ),
    )
