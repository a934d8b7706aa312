"""Private members of Keras that are used: a new Keras may move them."""

import inspect
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras
from gblend_keras.distribution import keras_private
from gblend_keras.distribution.distributed_model import DistributedModel

MOVED = (
    "Keras {version} has moved {name}: see gblend_keras/distribution/"
    "keras_private.py for what it was used for, and find its new place."
)


def moved(name):
    return MOVED.format(version=keras.__version__, name=name)


def accumulating():
    optimizer = keras.optimizers.SGD(
        0.5, gradient_accumulation_steps=2, clipvalue=1.0, weight_decay=0.1
    )
    variable = keras.Variable(np.ones(3, np.float32))
    optimizer.build([variable])
    return optimizer, variable


@pytest.mark.parametrize(
    "name",
    [
        "_backend_apply_gradients",
        "_get_variable_index",
        "_accumulated_gradients",
        "_clip_gradients",
        "_apply_weight_decay",
        "_backend_update_step",
        "_iterations",
    ],
)
def test_optimizer_has_its_private_members(name):
    optimizer, _ = accumulating()
    assert hasattr(optimizer, name), moved(f"Optimizer.{name}")


@pytest.mark.parametrize(
    "name", [keras_private.INITIAL_EPOCH, keras_private.EVALUATION_ITERATOR]
)
def test_fit_uses_the_attributes_that_are_kept(name):
    assert name in inspect.getsource(keras.Model.fit), moved(f"Model.{name}")


def test_optimizer_applies_through_the_method_that_is_replaced():
    optimizer, variable = accumulating()
    seen = []
    keras_private.replace_update(optimizer, lambda g, v: seen.append((g, v)))
    optimizer.apply([keras.ops.ones(3)], [variable])
    assert seen, moved("Optimizer._backend_apply_gradients")


def test_sums_of_gradients_are_those_of_the_variables():
    optimizer, variable = accumulating()
    (total,) = keras_private.accumulated_gradients(optimizer, [variable])
    assert tuple(total.shape) == (3,), moved("Optimizer._accumulated_gradients")


def test_gradients_are_clipped_as_the_optimizer_was_told():
    optimizer, _ = accumulating()
    (clipped,) = keras_private.clipped(optimizer, [9 * keras.ops.ones(3)])
    assert np.array_equal(clipped, np.ones(3)), moved(
        "Optimizer._clip_gradients"
    )


def test_update_decays_and_applies_the_optimizer_s_formula():
    optimizer, variable = accumulating()
    keras_private.update(optimizer, [keras.ops.ones(3)], [variable])
    # By hand: 1 - 0.5 * 0.1 * 1 = 0.95; then 0.95 - 0.5 * 1 = 0.45.
    assert np.allclose(variable, 0.45, rtol=1e-6), moved(
        "Optimizer._apply_weight_decay or _backend_update_step"
    )


def test_batches_are_counted_where_gradients_are_accumulated():
    optimizer, variable = accumulating()
    for _ in range(3):
        optimizer.apply([keras.ops.ones(3)], [variable])
    assert int(keras_private.batches_seen(optimizer)) == 3, moved(
        "Optimizer._iterations"
    )


def test_evaluation_from_within_fit_says_so():
    source = inspect.getsource(keras.Model.fit)
    assert keras_private.CACHED_EVALUATION in source, moved(
        f"evaluate's argument {keras_private.CACHED_EVALUATION}"
    )


def test_symbolic_build_is_replaced_by_the_optimizer_s():
    name = keras_private.SYMBOLIC_BUILD
    assert hasattr(keras.Model, name), moved(f"Model.{name}")
    assert name in inspect.getsource(keras.Model.fit), moved(f"Model.{name}")
    replaced = getattr(DistributedModel, name)
    assert replaced is DistributedModel._build_optimizer


def test_random_generator_keeps_its_place_in_a_variable_of_that_name():
    generator = keras.random.SeedGenerator(7)
    name = keras_private.SEED_STATE
    assert generator.state.name == name, moved(f"the name {name}")
    keras.random.uniform((3,), seed=generator)
    seed, place = keras.ops.convert_to_numpy(generator.state)
    assert seed == 7 and place > 0, moved("seed and place in a generator")


def test_end_of_data_is_warned_of_in_these_words():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")

    def batches():
        yield np.zeros((3, 2)), np.zeros((3, 1))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(batches(), steps_per_epoch=2, verbose=0)
    words = [str(each.message) for each in caught]
    assert any(each.startswith(keras_private.OUT_OF_DATA) for each in words), (
        moved(f"the warning '{keras_private.OUT_OF_DATA}'")
    )


def test_tensorflow_says_whether_replicas_share_a_definition():
    distribute = getattr(tf, "__internal__", None)
    distribute = getattr(distribute, "distribute", None)
    assert hasattr(distribute, "strategy_supports_no_merge_call"), (
        f"TensorFlow {tf.__version__} has moved "
        "strategy_supports_no_merge_call: see gblend_keras/distribution/"
        "keras_private.py for what it was used for, and find its new place."
    )
    assert keras_private.replicas_share_one_definition() in (True, False)


def test_no_other_file_uses_what_is_private_to_keras():
    pattern = re.compile(
        r"keras\.src|optimizer\._|__internal__|_maybe_symb|_use_cached|"
        r"seed_generator_state|ran out of data"
    )
    for path in Path(gblend_keras.__file__).parent.rglob("*.py"):
        if path.name != "keras_private.py":
            assert not pattern.search(path.read_text("utf-8")), path
