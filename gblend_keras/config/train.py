"""How a network is trained."""

import dataclasses
from typing import Literal

from gblend_keras.config.checks import check_choice
from gblend_keras.config.checks import check_range

# What versions did that had not these settings, where it was not the default.
TRAIN_BEFORE = {"scale_by": "heads"}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training set.
        optimizer: "sgd" (the paper's best) or "adam".
        learning_rate: At the start.
        momentum: Of SGD.
        drop_at: When the learning rate is divided by 10, as shares of the
            epochs.
        nesterov: Whether the momentum is Nesterov's.
        warmup_epochs: Epochs over which the rate grows from near 0.
        weight_decay: Decoupled from the momentum; 0 for none.
        l2: Weight decay inside the momentum, as Caffe2 and PyTorch mean it
            for SGD: kernels add `l2 / 2 * |w|**2` to the loss; 0 for none.
        per_replica: Batch size and learning rate are one replica's, and are
            multiplied by the number of replicas.
        gradient_accumulation_steps: Batches whose gradients are averaged into
            one update.
        precision: "float32", or "mixed_bfloat16" or "mixed_float16": the
            Keras policy of the towers. Heads and losses stay float32.
        steps_per_execution: Steps between two calls of the callbacks.
        jit_compile: Compile the step with XLA; not on several CPUs.
        loss_scale: Factor on the blended loss; 0 for what `scale_by` says.
        scale_by: "joint": no tower trains faster than under plain joint
            training, whatever the weights are; "heads": the number of heads.
        hidden_units: Of the joint head; 0 for the widest tower's features.
        fusion_dropout: Share of the concatenated features dropped.

    Example:
        >>> import gblend_keras as gb
        >>> train = gb.config.TrainConfig(epochs=10, optimizer="adam")
        >>> train.precision
        'float32'
    """

    epochs: int = 24
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9  # the paper's
    drop_at: tuple[float, ...] = (2 / 3,)
    nesterov: bool = False
    warmup_epochs: int = 0
    weight_decay: float = 0.0
    l2: float = 0.0
    per_replica: bool = False
    gradient_accumulation_steps: int = 1
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    steps_per_execution: int = 1
    jit_compile: bool = False
    loss_scale: float = 0.0
    scale_by: Literal["joint", "heads"] = "joint"
    hidden_units: int = 0
    fusion_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_range("train.epochs", self.epochs, 1, 10**6)
        check_choice("train.optimizer", self.optimizer, ("sgd", "adam"))
        check_range("train.learning_rate", self.learning_rate, 1e-12, 1e3)
        check_range("train.momentum", self.momentum, 0.0, 0.9999)
        check_range("train.warmup_epochs", self.warmup_epochs, 0, 10**6)
        check_range("train.weight_decay", self.weight_decay, 0.0, 1.0)
        check_range("train.l2", self.l2, 0.0, 1.0)
        check_choice("train.precision", self.precision, PRECISIONS)
        for name in ("gradient_accumulation_steps", "steps_per_execution"):
            check_range(f"train.{name}", getattr(self, name), 1, 10**6)
        check_range("train.loss_scale", self.loss_scale, 0.0, 1e6)
        check_choice("train.scale_by", self.scale_by, ("joint", "heads"))
        check_range("train.hidden_units", self.hidden_units, 0, 10**6)
        check_range("train.fusion_dropout", self.fusion_dropout, 0.0, 0.99)
        for share in self.drop_at:
            check_range("train.drop_at", share, 0.0, 1.0)

    @property
    def compiled_scale(self) -> float | Literal["heads"] | None:
        """What `BlendedModel.compile` takes as `loss_scale`."""
        return self.loss_scale or (
            "heads" if self.scale_by == "heads" else None
        )
