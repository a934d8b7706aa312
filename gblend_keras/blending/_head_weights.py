"""Weights of the heads' losses: a variable, so that steps see assignments."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from gblend_keras.blending import input_checks
from gblend_keras.heads import JOINT


class HeadWeights:
    """The weight of each head's loss, kept in a variable of a model.

    They start uniform. What they are multiplied by, the loss scale, is a
    number, or follows from them:

        scale = 1 / max_k (w_k + w_joint)

    Ours: a tower learns from its own head and from the joint one. With this
    scale none gets more than plain joint training would give it, whatever the
    weights are; so what is stable there is stable here.

    Args:
        model: Gets the variable.
        head_names: The heads, in order.

    Attributes:
        variable: Shape `(H,)`, float32, not trainable.
        fixed_scale: The loss scale; None where it follows from the weights.
    """

    def __init__(self, model: keras.Model, head_names: Sequence[str]) -> None:
        self._head_names = list(head_names)
        self._is_joint = np.array([head == JOINT for head in head_names])
        self.fixed_scale: float | None = None
        self._kept_scale = keras.Variable(  # not of the model: no file has it
            0.0, trainable=False, dtype="float32", autocast=False
        )
        self.variable = model.add_weight(
            name="blend_weights",
            shape=(len(self._head_names),),
            initializer=keras.initializers.Constant(1 / len(self._head_names)),
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",  # where a rule assigns them
        )

    @property
    def values(self) -> dict[str, float]:
        """`{head: weight}` as they are now."""
        found = keras.ops.convert_to_numpy(self.variable)
        return dict(zip(self._head_names, map(float, found), strict=True))

    @property
    def tensor(self) -> Any:
        """The weights inside a step, shape `(H,)`."""
        return keras.ops.convert_to_tensor(self.variable)

    def set_scale(self, scale: float | str | None, *, follows: bool) -> None:
        """Sets the loss scale.

        Args:
            scale: A number; "heads" for their number; None for one that
                follows from the weights.
            follows: Whether it may: a rule's weights need not sum to 1, so
                it gets that of equal weights.
        """
        if scale is None and not follows:
            scale = self.scale_of_equal_weights
        elif scale == "heads":
            scale = len(self._head_names)
        self.fixed_scale = None if scale is None else float(scale)

    @property
    def scale_of_equal_weights(self) -> float:
        """What the scale is with equal weights, where it follows from them."""
        num_heads = len(self._head_names)
        return num_heads / min(2, num_heads)

    @contextmanager
    def kept_at(self, scale: float | None) -> Iterator[None]:
        """Keeps a scale that follows from the weights where it is given.

        Args:
            scale: None lets it follow.
        """
        self._kept_scale.assign(scale or 0.0)
        try:
            yield
        finally:
            self._kept_scale.assign(0.0)

    @property
    def scale(self) -> Any:
        """The loss scale inside a step."""
        if self.fixed_scale is not None:
            return self.fixed_scale
        joint = keras.ops.sum(self.tensor * self._is_joint.astype("float32"))
        own = self.tensor * (~self._is_joint).astype("float32")
        kept = keras.ops.convert_to_tensor(self._kept_scale)
        return keras.ops.where(kept > 0, kept, 1.0 / keras.ops.max(own + joint))

    @property
    def scale_value(self) -> float:
        """The loss scale as it is now."""
        return float(keras.ops.convert_to_numpy(self.scale))

    def assign(self, weights: Mapping[str, float]) -> None:
        """Sets the weights, once they are a blend.

        Raises:
            ValueError: As `input_checks.blend_values`.
        """
        self.variable.assign(
            input_checks.blend_values(weights, self._head_names)
        )

    def update(self, weights: Any) -> None:
        """Sets the weights as they come, inside a step too.

        Args:
            weights: Shape `(H,)`, each >= 0; their sum may be anything.
        """
        self.variable.assign(weights)
