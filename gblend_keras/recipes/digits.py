"""Embedded set: handwritten digits and spoken digits; the default.

Run:     gblend train
Cost:    see README.md, "Measured"
Expect:  see README.md, "Measured"
Weights: none
Source:  scikit-learn's digits and espeak-ng; see data/sets/digits.py
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="digits",
        data=config.DataConfig(
            dataset="digits", modalities=("image", "sound"), batch_size=64
        ),
        towers={
            "image": config.TowerConfig(kind="conv2d", widths=(16, 32, 64)),
            "sound": config.TowerConfig(kind="conv2d", widths=(8, 16, 32, 64)),
        },
        train=config.TrainConfig(
            epochs=15, learning_rate=0.02, scale_by="heads"
        ),
        blend=config.BlendConfig(
            first_super_epoch=5,
            super_epoch=5,
            holdout_by_group=True,
            offline_fraction=0.2,
            offline_by_group=True,
        ),
    )
