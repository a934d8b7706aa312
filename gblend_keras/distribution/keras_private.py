"""What of Keras is private and used here all the same: each with its reason.

A new Keras may move any of these. Each has a test that says so in a sentence.
Read with Keras 3.10 to 3.15.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# An argument of `Model.evaluate`: it comes from within `fit`, which has made
# the dataset already.
CACHED_EVALUATION = "_use_cached_eval_dataset"
# A method of `Model` that builds it from the first batch. It hands the model
# batches that are still divided by replica, which fails on several workers
# (Keras issue 20585).
SYMBOLIC_BUILD = "_maybe_symbolic_build"
# The name of the variable of a random generator: where in its numbers it is.
# Keras saves no state of generators, and offers no list of them.
SEED_STATE = "seed_generator_state"
# Attributes of `Model`. Where `BackupAndRestore` goes on: it overrules the
# `initial_epoch` of any later `fit`, also of one inside.
INITIAL_EPOCH = "_initial_epoch"
# The validation data of the `fit` under way, which one inside would drop.
EVALUATION_ITERATOR = "_eval_epoch_iterator"
# How the warning begins that comes at the end of data of unknown length. It
# has no category of its own.
OUT_OF_DATA = "Your input ran out of data"


def replace_update(
    optimizer: keras.Optimizer,
    apply: Callable[[list[Any], list[keras.Variable]], None],
) -> None:
    """Makes an optimizer apply gradients through a function of ours.

    Keras' backends override this method of `optimizer.apply` for themselves.
    There is no public place between clipping and the update.
    """
    optimizer._backend_apply_gradients = apply


def accumulated_gradients(
    optimizer: Any, variables: list[keras.Variable]
) -> list[keras.Variable]:
    """Returns the sums of gradients that an optimizer keeps, in this order."""
    return [
        optimizer._accumulated_gradients[optimizer._get_variable_index(each)]
        for each in variables
    ]


def clipped(optimizer: Any, gradients: list[Any]) -> list[Any]:
    """Returns gradients clipped as the optimizer was told to."""
    found: list[Any] = optimizer._clip_gradients(gradients)
    return found


def update(
    optimizer: Any, gradients: list[Any], variables: list[keras.Variable]
) -> None:
    """Decays the weights and applies the optimizer's own formula once."""
    optimizer._apply_weight_decay(variables)
    optimizer._backend_update_step(
        gradients, variables, optimizer.learning_rate
    )


def batches_seen(optimizer: Any) -> tf.Tensor:
    """Returns how many batches an optimizer has seen.

    The public `iterations` counts updates where gradients are accumulated.
    """
    return tf.convert_to_tensor(optimizer._iterations)


def replicas_share_one_definition() -> bool:
    """Says if one definition of a step serves all replicas (of TensorFlow)."""
    found: bool = tf.__internal__.distribute.strategy_supports_no_merge_call()
    return found
