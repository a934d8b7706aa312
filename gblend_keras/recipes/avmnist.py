"""AV-MNIST: real spoken digits with handwritten ones, both made hard.

Run:     gblend train --recipe=avmnist --data_dir=DIR
Cost:    see zoo/README.md
Expect:  see zoo/README.md
Weights: avmnist_online and avmnist_joint in the zoo
Source:  Vielzeuf et al., ECCV workshops 2018; see data/sets/avmnist.py
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="avmnist",
        data=config.DataConfig(
            dataset="avmnist", modalities=("image", "sound"), batch_size=64
        ),
        towers={
            "image": config.TowerConfig(kind="conv2d", widths=(8, 16, 32)),
            "sound": config.TowerConfig(kind="conv2d", widths=(8, 16, 32, 64)),
        },
        train=config.TrainConfig(
            epochs=15, learning_rate=0.02, scale_by="heads"
        ),
        blend=config.BlendConfig(
            first_super_epoch=5,
            super_epoch=5,
            holdout_fraction=0.1,
            offline_fraction=0.2,
        ),
    )
