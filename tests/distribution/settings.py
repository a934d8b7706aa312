"""Trains with each setting on one device and on two; prints JSON."""

import json

import keras
import numpy as np
import tensorflow as tf

import gblend_keras as gb
from tests import toy
from tests.distribution import worker

COMPILE = {
    "steps_per_execution": 3,
    "run_eagerly": True,
    "jit_compile": True,
}
POLICIES = ("mixed_bfloat16", "mixed_float16")
ACCUMULATION = {"gradient_accumulation_steps": 2}
OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.05, 0.9, **ACCUMULATION),
    "adamw": lambda: keras.optimizers.AdamW(
        keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.7),
        weight_decay=0.05,
        **ACCUMULATION,
    ),
    "clipped": lambda: keras.optimizers.SGD(
        0.05, 0.9, global_clipnorm=0.3, **ACCUMULATION
    ),
    "mixed_float16": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.05, 0.9, **ACCUMULATION), initial_scale=64.0
    ),
}


def train(strategy, setting):
    """Trains two epochs and returns four numbers, or the error's text."""
    keras.utils.set_random_seed(1)
    if setting in POLICIES:
        keras.config.set_dtype_policy(setting)
    arguments = {name: COMPILE[name] for name in COMPILE if name == setting}
    x, y = toy.arrays(num_examples=71)
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=24)
    try:
        model = worker.model(strategy, **arguments)
    except ValueError as error:
        return str(error)
    finally:
        keras.config.set_dtype_policy("float32")
    losses = toy.fit(model, data, epochs=2).history["loss"]
    valid = gb.make_dataset(gb.Examples(x, y), batch_size=24)
    last = model.evaluate(valid, verbose=0, return_dict=True)["loss"]
    return [*losses, last, float(np.abs(model.get_weights()[1]).sum())]


def accumulated(strategy, kind):
    """Trains 9 batches, 2 an update; returns every float variable, flat.

    The last batch of an epoch has 23 examples, so slices differ in size.
    """
    keras.utils.set_random_seed(1)
    if kind == "mixed_float16":
        keras.config.set_dtype_policy(kind)
    x, y = toy.arrays(num_examples=71)
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=24)
    try:
        with strategy.scope():
            model = worker.model(strategy, OPTIMIZERS[kind]())
    finally:
        keras.config.set_dtype_policy("float32")
    toy.fit(model, data, epochs=3)
    values = [
        each.ravel() for each in toy.state(model) if each.dtype == np.float32
    ]
    return np.concatenate(values).tolist()


def overflowed(strategy):
    """Trains one batch that overflows in the second half of its examples.

    Returns:
        By how much the weights moved, the loss scale, and the updates.
    """
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_float16")
    x, y = toy.arrays(num_examples=24)
    x["m0"][-1] = 3e4  # times a scale of 1024: more than float16 holds
    try:
        with strategy.scope():
            model = toy.model(
                optimizer=keras.optimizers.LossScaleOptimizer(
                    keras.optimizers.SGD(0.01), initial_scale=1024.0
                )
            )
    finally:
        keras.config.set_dtype_policy("float32")
    variables = model.trainable_variables
    before = [keras.ops.convert_to_numpy(each).copy() for each in variables]
    toy.fit(model, gb.make_dataset(gb.Examples(x, y), batch_size=24), epochs=1)
    moved = max(
        np.abs(keras.ops.convert_to_numpy(each) - old).max()
        for each, old in zip(variables, before, strict=True)
    )
    optimizer = model.optimizer
    others = (optimizer.dynamic_scale, optimizer.iterations)
    return [
        float(keras.ops.convert_to_numpy(each)) for each in (moved, *others)
    ]


def statistics(strategy):
    """Trains batch-norm of each replica for itself; returns its values."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = toy.model(norm=True)
        model.optimizer.learning_rate.assign(0.0)
    x, y = toy.arrays(num_examples=73)
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=9)
    toy.fit(model, data, epochs=2)
    return [
        variable.value
        for variable in model.network.non_trainable_variables
        if "moving" in variable.name
    ]


def calibrated(strategy):
    """Returns the exponents of the pool: 50 examples, 6 or 7 a replica."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = toy.model()
    x, y = toy.arrays(num_examples=50)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(13)
    found = model.calibrate(data)
    rows = keras.ops.convert_to_numpy(model.pool.variable)
    return [*rows.ravel().tolist(), found.cross_validated.loss]


def values_of_replicas(strategy, variable):
    """Returns the value that each replica holds."""
    values = strategy.experimental_local_results(variable)
    return [value.numpy().tolist() for value in values]


def main():
    """Prints what was found on the last line."""
    worker.two_logical_cpus()
    one = tf.distribute.get_strategy()
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {
        setting: {"one": train(one, setting), "two": train(two, setting)}
        for setting in (*COMPILE, *POLICIES)
    }
    found["accumulated"] = {
        kind: [accumulated(one, kind), accumulated(two, kind)]
        for kind in OPTIMIZERS
    }
    found["overflowed"] = [overflowed(one), overflowed(two)]
    found["calibrated"] = [calibrated(one), calibrated(two)]
    kept = statistics(two)
    found["statistics"] = [values_of_replicas(two, each) for each in kept]
    # At rate 0 the mean of a global batch is that of one device.
    found["moving_mean"] = [
        kept[0].numpy().tolist(),
        statistics(one)[0].numpy().tolist(),
    ]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
