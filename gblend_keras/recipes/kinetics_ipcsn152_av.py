"""Kinetics-400: RGB and sound, ip-CSN-152 and ResNet-152.

Run:     gblend prepare --dataset=kinetics --log_mel ...
         gblend train --recipe=kinetics_ipcsn152_av --blend=online
         --data_dir=DIR
Cost:    not measured yet
Expect:  not measured yet; the paper: offline 79.1 %
         (video top-1 of 30 crops, from scratch)
Weights: none
Source:  Wang, Tran & Feiszli, CVPR 2020, Table 6; VMZ's defaults where the
         paper is silent: epochs, rates, warm-up and decay
"""

from gblend_keras import config
from gblend_keras.recipes import _paper


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="kinetics_ipcsn152_av",
        data=config.DataConfig(
            dataset="records",
            path="kinetics400",
            modalities=("rgb", "audio"),
            batch_size=24,  # a replica
            clips=config.ClipConfig(num_frames=32, clips_per_epoch=5),
        ),
        towers={
            "rgb": _paper.tower("csn", depth=152, variant="ip"),
            "audio": _paper.tower("audio_resnet", depth=152),
        },
        train=_paper.train(),
        blend=_paper.blend(),
    )
