"""What a snapshot holds stays as it was, whatever writes to the variables."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending import snapshot
from tests import alone
from tests import toy

NUM_WORDS = 50
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.1),
    "average": lambda: keras.optimizers.SGD(0.1, use_ema=True),
}


def model_of_words(optimizer, **compile_arguments):
    """One dense tower and an embedding, whose gradients are sparse."""
    words = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(NUM_WORDS, 8)(words)
    x = keras.layers.Dropout(0.2)(keras.layers.Flatten()(x))
    towers = {
        "words": keras.Model(words, x, name="words_tower"),
        "m0": toy.tower("m0", 6, norm=True),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, toy.NUM_CLASSES))
    model.compile(optimizer, metrics=["accuracy"], **compile_arguments)
    return model


def examples():
    x, y = toy.arrays(1)
    rng = np.random.default_rng(0)
    x["words"] = rng.integers(NUM_WORDS, size=(len(y), 4)).astype(np.int32)
    return x, y


def check_training_stays_outside(name, jit_compile):
    model = model_of_words(OPTIMIZERS[name](), jit_compile=jit_compile)
    assert model.jit_compile == jit_compile  # Keras only warns
    x, y = examples()
    model.fit(x, y, epochs=1, verbose=0)
    before = toy.state(model)
    kept = snapshot.Snapshot(model)
    for _ in range(2):  # restored once, it must still hold the values
        model.fit(x, y, epochs=1, verbose=0)
        trained = zip(before, toy.state(model), strict=True)
        assert not all(np.array_equal(*pair) for pair in trained)
        kept.restore()
        toy.assert_state(model, before)


def check_compiled_training_stays_outside():
    for name in OPTIMIZERS:
        check_training_stays_outside(name, jit_compile=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_does_not_reach_into_a_snapshot(name):
    check_training_stays_outside(name, jit_compile=False)


def test_compiled_training_does_not_reach_into_a_snapshot():
    alone.run(check_compiled_training_stays_outside)


def test_snapshots_of_two_states_are_apart():
    model = toy.model()
    first = snapshot.Snapshot(model)
    start = toy.state(model)
    toy.fit(model, toy.arrays()[0], y=toy.arrays()[1], epochs=1)
    second = snapshot.Snapshot(model)
    trained = toy.state(model)
    for kept, values in ((first, start), (second, trained), (first, start)):
        kept.restore()
        toy.assert_state(model, values)


def test_size_is_that_of_variables_and_slots():
    model = toy.model()
    kept = snapshot.Snapshot(model)
    assert kept.num_bytes == sum(value.nbytes for value in toy.state(model))
