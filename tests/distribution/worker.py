"""Everything that must not depend on how many replicas do it, into one file.

python -m tests.distribution.worker STRATEGY FILE [VARIANT]
"""

import json
import os
import sys

import keras
import numpy as np
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.distribution import strategies
from gblend_keras.distribution import workers
from tests import toy

# 24 are held out; 73 in batches of 9: slices of 4 and 5, at last of 0 and 1.
NUM_EXAMPLES = 97
BATCH_SIZE = 9


def two_logical_cpus():
    """Makes one CPU look like two devices."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )


def tower(modality, size):
    """Builds a tower with batch-norm over the global batch."""
    inputs = keras.Input((size,))
    x = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")(
        inputs
    )
    x = keras.layers.BatchNormalization(synchronized=True, momentum=0.8)(x)
    return keras.Model(inputs, x, name=f"{modality}_tower")


def model(strategy, optimizer=None, **compile_arguments):
    """Builds and compiles the model."""
    with strategy.scope():
        towers = {
            f"m{index}": tower(f"m{index}", 6 + index) for index in (0, 1)
        }
        blended = gb.BlendedModel(gb.late_fusion(towers, toy.NUM_CLASSES))
        blended.compile(
            optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
            metrics=["accuracy"],
            **compile_arguments,
        )
    return blended


def accumulated(strategy):
    """Trains 9 batches, 2 an update; returns every variable."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        optimizer = keras.optimizers.SGD(
            0.05, momentum=0.9, gradient_accumulation_steps=2
        )
        blended = model(strategy, optimizer)
    x, y = toy.arrays(num_examples=73)
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=9)
    toy.fit(blended, data, epochs=1)
    return toy.state(blended)


def probed(strategy):
    """Returns the numbers of a probe of a whole epoch, and of a part."""
    numbers = []
    for epochs in (8, 2):
        keras.utils.set_random_seed(1)
        blended = model(strategy)
        x, y = toy.arrays(num_examples=NUM_EXAMPLES)
        data = gb.split_holdout(gb.Examples(x, y), 0.25, batch_size=BATCH_SIZE)
        probe = gb.GradientBlending(
            data, super_epochs=None, estimator=gb.blending.Probe(share=1 / 8)
        )
        estimate = probe.estimate(blended, num_epochs=epochs)
        numbers += [
            *estimate.weights.values(),
            *estimate.generalization.values(),
            *estimate.proof.equal_loss.values(),
            *estimate.proof.weighted_loss.values(),
            estimate.examples_trained,
        ]
    return np.array(numbers)


def results(strategy):
    """Trains, estimates, measures, evaluates and predicts."""
    keras.utils.set_random_seed(1)
    blended = model(strategy)
    x, y = toy.arrays(num_examples=NUM_EXAMPLES)
    train, held = gb.split_holdout(
        gb.Examples(x, y), 0.25, batch_size=BATCH_SIZE
    )
    online = gb.GradientBlending(train, held, super_epochs=(2, 1))
    valid = gb.make_dataset(gb.Examples(x, y), batch_size=48)  # 48, 48, 1
    history = blended.fit(
        train, validation_data=valid, epochs=3, verbose=0, callbacks=[online]
    )
    found = {
        f"weight {index}": value
        for index, value in enumerate(blended.get_weights())
    }
    found |= {f"log {key}": value for key, value in history.history.items()}
    found["iterations"] = blended.optimizer.iterations.numpy()
    estimates = [
        [*each.weights.values(), *each.generalization.values()]
        for each in online.estimates
    ]
    found["estimates"] = np.array(estimates)
    found["trained"] = [each.examples_trained for each in online.estimates]
    found["probed"] = probed(strategy)
    found |= {
        f"evaluate {key}": value
        for key, value in blended.evaluate(
            valid, verbose=0, return_dict=True
        ).items()
    }
    found["examples seen"] = blended.examples_seen
    found["measured"], _ = blended.measure(valid)
    found |= {
        f"predict {key}": value
        for key, value in blended.predict(valid, verbose=0).items()
    }
    arrays = blended.predict(x, batch_size=48, verbose=0)
    found["predict arrays"] = arrays["joint"]
    found |= {
        f"accumulated {index}": value
        for index, value in enumerate(accumulated(strategy))
    }
    return found


if __name__ == "__main__":
    name, path = sys.argv[1:3]
    if name == "mirrored":
        two_logical_cpus()
    chosen = strategies.make_strategy(name)
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
    found = results(chosen)
    np.savez(path.format(index=task.get("index", 0)), **found)
    if workers.all_true(chosen, True) and name == "multi_worker":
        workers.end_process()
