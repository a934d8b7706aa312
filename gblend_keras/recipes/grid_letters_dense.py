"""GRID letters with fully connected towers: the paper's problem, plain to see.

Sound, lips and the difference of frames, which is nearly a copy of the lips
and overfits: each modality added makes plain joint training worse.

Run:     gblend train --recipe=grid_letters_dense --data_dir=DIR
Cost:    see README.md, "Measured"
Expect:  see README.md, "Measured"
Weights: none
Source:  Cooke, Barker, Cunningham & Shao, JASA 120:2421, 2006
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    dense = config.TowerConfig(
        kind="mlp", widths=(128,), standardize="element_floored"
    )
    return config.Recipe(
        name="grid_letters_dense",
        data=config.DataConfig(
            dataset="grid_letters", modalities=("sound", "video", "motion")
        ),
        towers={"sound": dense, "video": dense, "motion": dense},
        train=config.TrainConfig(
            epochs=20, learning_rate=0.005, scale_by="heads"
        ),
        blend=config.BlendConfig(
            holdout_fraction=0.125,
            offline_fraction=0.25,
            weights_from="bootstrap",  # a little better on the validation split
        ),
    )
