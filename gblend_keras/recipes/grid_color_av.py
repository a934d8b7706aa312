"""GRID: which of four colours is said, from raw clips of a talking face.

From video files to a trained network; 60 clips train, 20 test.

Run:     gblend prepare --dataset=csv
         --annotations=DIR/grid/labels.csv --videos=DIR/grid
         --out=DIR/grid_color --short_side=96 --log_mel
         gblend train --recipe=grid_color_av --data_dir=DIR
Cost:    see docs/videos.md, "What comes out"
Expect:  see docs/videos.md, "What comes out"
Weights: none
Source:  Cooke, Barker, Cunningham & Shao, JASA 120:2421, 2006
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="grid_color_av",
        data=config.DataConfig(
            dataset="records",
            path="grid_color",
            modalities=("rgb", "audio"),
            batch_size=16,
            clips=config.ClipConfig(
                num_frames=16,
                stride=4,  # 64 of 75 frames: the whole sentence
                crop_size=64,
                jitter=(72, 88),
                short_side=80,
                mirror=True,
                in_memory=True,
            ),
        ),
        towers={
            "rgb": config.TowerConfig(
                kind="conv3d", widths=(8, 16, 32, 64), standardize="none"
            ),
            "audio": config.TowerConfig(kind="conv2d", widths=(8, 16, 32, 64)),
        },
        train=config.TrainConfig(
            epochs=150, learning_rate=0.02, scale_by="heads"
        ),
        blend=config.BlendConfig(
            first_super_epoch=50,
            super_epoch=50,
            holdout_fraction=0.2,
            offline_fraction=0.2,
        ),
    )
