"""mini-Sports: RGB and sound, ResNet3D-50 and ResNet-50.

Run:     gblend prepare --dataset=mini_sports --log_mel ...
         gblend train --recipe=sports1m_mini_av --data_dir=DIR --blend=online
Cost:    not measured yet
Expect:  not measured yet; the paper: joint 60.2,
         offline 62.8 % (video top-1)
Weights: none
Source:  Wang, Tran & Feiszli, CVPR 2020, Table 5; VMZ's defaults where the
         paper is silent: epochs, rates, warm-up and decay
"""

from gblend_keras import config
from gblend_keras.recipes import _paper


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="sports1m_mini_av",
        data=config.DataConfig(
            dataset="records",
            path="mini_sports",
            modalities=("rgb", "audio"),
            batch_size=24,  # a replica
            clips=config.ClipConfig(clips_per_epoch=5),
        ),
        towers={
            "rgb": _paper.tower("resnet3d", depth=50),
            "audio": _paper.tower("audio_resnet", depth=50),
        },
        train=_paper.train(),
        blend=_paper.blend(),
    )
