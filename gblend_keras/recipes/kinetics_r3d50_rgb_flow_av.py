"""Kinetics-400: RGB, optical flow and sound, three towers of 50 layers.

Run:     gblend prepare --dataset=kinetics --log_mel
         --flow=farneback ...
         gblend train --recipe=kinetics_r3d50_rgb_flow_av --blend=online
         --data_dir=DIR
Cost:    not measured yet
Expect:  not measured yet; the paper: joint 70.0,
         offline 74.9 % (video top-1)
Weights: none
Source:  Wang, Tran & Feiszli, CVPR 2020, Table 4; VMZ's defaults where the
         paper is silent: epochs, rates, warm-up and decay
"""

from gblend_keras import config
from gblend_keras.recipes import _paper


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="kinetics_r3d50_rgb_flow_av",
        data=config.DataConfig(
            dataset="records",
            path="kinetics400",
            modalities=("rgb", "flow", "audio"),
            batch_size=24,  # a replica
            clips=config.ClipConfig(clips_per_epoch=5),
        ),
        towers={
            "rgb": _paper.tower("resnet3d", depth=50),
            "flow": _paper.tower("resnet3d", depth=50),
            "audio": _paper.tower("audio_resnet", depth=50),
        },
        train=_paper.train(),
        blend=_paper.blend(),
    )
