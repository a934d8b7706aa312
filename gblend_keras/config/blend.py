"""How a blend is estimated."""

import dataclasses
from collections.abc import Iterable
from typing import Literal

from gblend_keras.config.checks import check_choice
from gblend_keras.config.checks import check_range

# What versions did that had not these settings, where it was not the default.
BLEND_BEFORE = {"joint_floor": 0.0}


@dataclasses.dataclass(frozen=True)
class _Estimate:
    """What `BlendSettings` and `BlendConfig` have in common."""

    measure: Literal["loss", "accuracy"] = "loss"
    weight_floor: float = 0.01  # a head that gets nothing cannot serve alone
    joint_floor: float = 0.1
    weights_from: Literal["estimate", "bootstrap"] = "estimate"
    return_holdout: bool = True  # nothing is measured on it any more

    def _check(self, prefix: str = "") -> None:
        check_choice(f"{prefix}measure", self.measure, ("loss", "accuracy"))
        check_choice(
            f"{prefix}weights_from",
            self.weights_from,
            ("estimate", "bootstrap"),
        )
        check_range(f"{prefix}weight_floor", self.weight_floor, 0.0, 0.5)
        check_range(f"{prefix}joint_floor", self.joint_floor, 0.0, 0.9)


@dataclasses.dataclass(frozen=True)
class BlendSettings(_Estimate):
    """How a blend is estimated.

    Attributes:
        measure: What G and O are made of: "loss" or "accuracy". The paper
            finds both as good (section 2.4).
        weight_floor: Smallest weight of a head, in [0, 1 / heads).
        joint_floor: Smallest weight of the joint head, where that is more
            than `weight_floor`. Ours: a joint head that no longer generalises
            by itself would get nothing, and be left behind by its towers.
        weights_from: "estimate" for the weights that G and O give, the
            paper's; "bootstrap" for their mean over bootstrap samples, which
            moves less where the measurement is noisy.
        return_holdout: Online: V is trained on in the last super-epoch.
        bootstrap_samples: Samples behind the 95 % interval of each weight.
        seed: Seeds T', folds and the bootstrap.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.BlendSettings(weight_floor=0.02)
        >>> settings.floors(["rgb", "joint"])
        {'rgb': 0.02, 'joint': 0.1}
    """

    bootstrap_samples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        self._check()
        check_range("bootstrap_samples", self.bootstrap_samples, 1, 10**6)

    def floors(self, heads: Iterable[str]) -> dict[str, float]:
        """Returns the smallest weight of each head, `{head: weight}`."""
        found = dict.fromkeys(heads, self.weight_floor)
        if "joint" in found:
            found["joint"] = max(self.weight_floor, self.joint_floor)
        return found


@dataclasses.dataclass(frozen=True)
class BlendConfig(_Estimate):
    """How a run blends: methods "online", "offline"; "early_stopping" its V.

    Attributes:
        first_super_epoch: Epochs before the second online estimate.
        super_epoch: Epochs between later online estimates.
        holdout_fraction: Online: share of the training set in V.
        holdout_by_group: Online: hold out whole groups (subjects, speakers);
            a set without groups is refused.
        offline_fraction: Offline: share of the training set in V, which may
            be large, for V goes back into training.
        offline_by_group: Offline: hold out whole groups; a set without groups
            is refused.
        return_holdout: Online: V is trained on in the last super-epoch.
        folds: Offline: hold out every example once, in so many folds, instead
            of one V; by group with `offline_by_group`. 0 for one V.
        measure: See `BlendSettings`.
        weight_floor: See `BlendSettings`.
        joint_floor: See `BlendSettings`.
        weights_from: See `BlendSettings`.

    Example:
        >>> import gblend_keras as gb
        >>> blend = gb.config.BlendConfig(first_super_epoch=4, super_epoch=2)
        >>> blend.holdout_fraction
        0.08
    """

    first_super_epoch: int = 10  # the paper's, section 3.3
    super_epoch: int = 5  # the paper's
    holdout_fraction: float = 0.08  # the paper's, for Kinetics
    holdout_by_group: bool = False
    offline_fraction: float = 0.08
    offline_by_group: bool = False
    folds: int = 0

    def __post_init__(self) -> None:
        check_range("blend.first_super_epoch", self.first_super_epoch, 1, 10**6)
        check_range("blend.super_epoch", self.super_epoch, 1, 10**6)
        check_range("blend.holdout_fraction", self.holdout_fraction, 0.001, 0.9)
        check_range("blend.offline_fraction", self.offline_fraction, 0.001, 0.9)
        check_range("blend.folds", self.folds, 0, 10**4)
        self._check("blend.")

    def settings(self, seed: int) -> BlendSettings:
        """Returns how an estimate of a run with this seed is computed."""
        shared = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(_Estimate)
        }
        return BlendSettings(**shared, seed=seed)
