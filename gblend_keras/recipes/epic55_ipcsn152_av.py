"""EPIC-Kitchens-55 verbs: RGB and sound, ip-CSN-152 and ResNet-152.

Nouns are trained apart, as in the paper: --set clips.task=noun.

Run:     gblend prepare --dataset=epic55 --waveform
         --sample_rate_hz=24000 ...
         gblend train --recipe=epic55_ipcsn152_av --data_dir=DIR --blend=online
Cost:    not measured yet
Expect:  not measured yet; the paper: verbs 59.2, nouns 36.1,
         actions 25.6 % (unseen kitchens, from IG-65M)
Weights: none
Source:  Wang, Tran & Feiszli, CVPR 2020, Table 8; VMZ's defaults where the
         paper is silent: epochs, rates, warm-up and decay
"""

from gblend_keras import config
from gblend_keras.recipes import _paper


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="epic55_ipcsn152_av",
        data=config.DataConfig(
            dataset="records",
            path="epic55",
            modalities=("rgb", "audio"),
            batch_size=24,  # a replica
            clips=config.ClipConfig(
                task="verb", num_frames=32, sound="spectrogram"
            ),
        ),
        towers={
            "rgb": _paper.tower("csn", depth=152, variant="ip"),
            "audio": _paper.tower("audio_resnet", depth=152),
        },
        train=_paper.train(),
        blend=_paper.blend(by_group=True),
    )
