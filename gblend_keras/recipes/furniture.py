"""Furniture: the room or kind of an object from picture, words, points, size.

Run:     gblend train --recipe=furniture --data_dir=DIR --workdir=DIR
Cost:    not measured yet
Expect:  not measured yet
Weights: none
Source:  Sweet Home 3D's furniture libraries, http://www.sweethome3d.com
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
                kind="mlp", widths=(64,), standardize="none"
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
