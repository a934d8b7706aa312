"""Everything that training changes: out, and back bit for bit."""

import keras
import numpy as np


class Snapshot:
    """A copy of a compiled model's state in host memory.

    Holds every variable of the model (batch-norm statistics, blend weights
    and the states of random generators too) and of its optimizer (slots,
    iterations, learning rate, loss scale). `restore` may be called again and
    again.

    Args:
        model: A compiled, built model.
    """

    def __init__(self, model: keras.Model) -> None:
        if not model.optimizer.built:
            with model.distribute_strategy.scope():
                model.optimizer.build(model.trainable_variables)
        self._variables = state_variables(model)
        # np.array copies: what an optimizer later writes in place stays out.
        self._values = [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in self._variables
        ]

    def restore(self) -> None:
        """Puts every value back."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    @property
    def num_bytes(self) -> int:
        """Memory that the copy takes, in bytes."""
        return sum(value.nbytes for value in self._values)


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the variables of a model and its optimizer, each once."""
    found = {
        id(variable): variable
        for variable in [*model.variables, *model.optimizer.variables]
    }
    return list(found.values())
