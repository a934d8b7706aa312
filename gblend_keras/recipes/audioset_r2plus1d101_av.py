"""AudioSet: RGB and sound, R(2+1)D-101 and ResNet-101; many labels.

Run:     gblend prepare --dataset=audioset --log_mel ...
         gblend train --recipe=audioset_r2plus1d101_av --blend=online
         --data_dir=DIR
Cost:    not measured yet
Expect:  not measured yet; the paper: joint 0.402,
         offline 0.418 mAP
Weights: none
Source:  Wang, Tran & Feiszli, CVPR 2020, Table 7; VMZ's defaults where the
         paper is silent: epochs, rates, warm-up and decay
"""

from gblend_keras import config
from gblend_keras.recipes import _paper


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="audioset_r2plus1d101_av",
        data=config.DataConfig(
            dataset="records",
            path="audioset",
            modalities=("rgb", "audio"),
            batch_size=24,  # a replica
            clips=config.ClipConfig(),
        ),
        towers={
            "rgb": _paper.tower("r2plus1d", depth=101),
            "audio": _paper.tower("audio_resnet", depth=101),
        },
        train=_paper.train(),
        blend=_paper.blend(fraction=0.13),
    )
