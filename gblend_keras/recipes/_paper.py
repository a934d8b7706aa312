"""The settings that the recipes of the paper's experiments share.

Source: Wang, Tran & Feiszli, CVPR 2020, sections 3.1 and 3.3; VMZ's
pt/vmz/func/opts.py and common/scheduler.py where the paper is silent.
"""

from gblend_keras import config

EPOCHS = 45


def train() -> config.TrainConfig:
    """Returns SGD over 45 epochs, 0.01 a replica, warm-up 10, / 10 thrice."""
    return config.TrainConfig(
        epochs=EPOCHS,
        optimizer="sgd",
        learning_rate=0.01,
        per_replica=True,
        momentum=0.9,
        warmup_epochs=10,
        drop_at=(20 / EPOCHS, 30 / EPOCHS, 40 / EPOCHS),
        l2=1e-4,
        loss_scale=1.0,  # weights that sum to 1, as in the paper
    )


def blend(
    *, fraction: float = 0.08, by_group: bool = False
) -> config.BlendConfig:
    """Returns super-epochs of 10 and 5 epochs, and V of so much of train."""
    return config.BlendConfig(
        first_super_epoch=10,
        super_epoch=5,
        holdout_fraction=fraction,
        offline_fraction=fraction,
        holdout_by_group=by_group,
        offline_by_group=by_group,
        weight_floor=0.0,
        joint_floor=0.0,
    )


def tower(kind: str, *, depth: int, variant: str = "") -> config.TowerConfig:
    """Returns a tower on inputs that are normalised already, or log-mel."""
    return config.TowerConfig(
        kind=kind, depth=depth, variant=variant, standardize="none"
    )
