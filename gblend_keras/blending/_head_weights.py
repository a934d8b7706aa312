"""Weights of the heads' losses: a variable, so that steps see assignments."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from gblend_keras.blending import input_checks


class HeadWeights:
    """The weight of each head's loss, kept in a variable of a model.

    They start uniform.

    Args:
        model: Gets the variable.
        head_names: The heads, in order.

    Attributes:
        variable: Shape `(H,)`, float32, not trainable.
    """

    def __init__(self, model: keras.Model, head_names: Sequence[str]) -> None:
        self._head_names = list(head_names)
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
