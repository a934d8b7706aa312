"""Everything that training changes: out, and back bit for bit."""

import hashlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from gblend_keras.distribution import keras_private
from gblend_keras.utils import state_files

_PREFIX = "variable/"  # of the members of a state file


class Snapshot:
    """A compiled model's state in host memory, to be put back.

    Holds every variable of the model (batch-norm statistics, blend weights
    and the states of random generators too) and of its optimizer (slots,
    iterations, learning rate, loss scale). `restore` may be called again and
    again.

    Variables that live in host memory are not copied: TensorFlow never writes
    into a tensor that somebody holds, so the first step after the snapshot, or
    after `restore`, puts its results elsewhere. The snapshot takes memory only
    once training goes on, and then one copy.

    Args:
        model: A compiled, built model.
    """

    def __init__(self, model: keras.Model) -> None:
        self._variables = state_variables(model)
        self._values = [_kept(variable) for variable in self._variables]

    def restore(self) -> None:
        """Puts every value back."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    @property
    def num_bytes(self) -> int:
        """Size of the state, in bytes."""
        return sum(np.asarray(value).nbytes for value in self._values)


def _kept(variable: keras.Variable) -> tf.Tensor:
    """Returns a value as it is now, in host memory."""
    with tf.device("CPU"):
        return tf.identity(variable.value)


def _array(variable: keras.Variable) -> state_files.Array:
    """Returns a value to be looked at, without a copy where there need be none.

    `keras.ops.convert_to_numpy` always copies, and takes three times as long
    for the many small variables of a network.
    """
    value: state_files.Array = np.asarray(tf.convert_to_tensor(variable.value))
    return value


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the variables of a model and its optimizer, each once.

    Args:
        model: A compiled, built model; its optimizer is built if need be.
    """
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    found = {
        id(variable): variable
        for variable in [*model.variables, *model.optimizer.variables]
    }
    return list(found.values())


def state_arrays(
    model: keras.Model,
) -> Iterator[tuple[str, state_files.Array]]:
    """Gives the state of a model to a state file, one variable at a time."""
    for index, variable in enumerate(state_variables(model)):
        yield f"{_PREFIX}{index:06d}", _array(variable)


def load_state(model: keras.Model, state: state_files.State) -> None:
    """Puts back what `state_arrays` gave to a state file.

    Variables are told apart by their order, as in `keras.Model.get_weights`:
    Keras numbers the names of layers anew in each notebook cell.

    Args:
        model: A compiled, built model like the one that was written.
        state: The open file.

    Raises:
        DamagedError: If the file is damaged; the model is then partly loaded.
        ValueError: If it is another model's.
    """
    variables = state_variables(model)
    names = [name for name in state.names if name.startswith(_PREFIX)]
    if len(names) < len(variables):  # of a version without a pool
        exponents = model.pool.variable if hasattr(model, "pool") else None
        variables = [each for each in variables if each is not exponents]
    expected = [(str(each.dtype), tuple(each.shape)) for each in variables]
    found = [state.kind(name) for name in names]
    if found != expected:
        raise ValueError(
            "The saved state is another model's. Expected "
            f"{len(expected)} variables like this model's. Received: "
            f"{len(found)}, or others. Build the model as it was, or start "
            "in a new folder."
        )
    for variable, name in zip(variables, names, strict=True):
        variable.assign(state.array(name))


def fingerprint(model: keras.Model, *others: object) -> str:
    """Names the state of a model, and what else a result is a function of.

    Of a random generator only the seed counts: where an epoch starts in its
    sequence is a function of the epoch (`fit_arguments.EpochStarter`).

    Args:
        model: A compiled, built model.
        *others: Anything with a `repr` that says it all.
    """
    digest = hashlib.sha256(repr(others).encode())
    for variable in state_variables(model):
        value = _array(variable)
        if variable.name == keras_private.SEED_STATE:
            value = value[:1]
        whole = np.ascontiguousarray(value)
        digest.update(whole.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
