"""Divisions: T, V and T', and what would lose V is refused."""

import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.data import division
from gblend_keras.data import sources
from gblend_keras.data import training_set
from tests import toy


def split(seed=0):
    return gb.split_holdout(toy.arrays(), 0.25, seed=seed, batch_size=16)


def same_row(x, *rest):
    return x, *rest


def size(dataset):
    return sum(len(y) for _, y in dataset)


def test_training_set_brings_its_own_holdout():
    divided = split()
    (one,) = division.divide(divided)
    (two,) = division.divide(*divided)
    assert one.training_set is two.training_set is divided
    for each in (one, two):
        assert each.holdout_rows.tolist() == divided.holdout_rows.tolist()
        assert size(each.train_sample) == size(each.holdout) == 24
    np.testing.assert_array_equal(
        *[
            np.concatenate([x["m0"] for x, _ in each.train_sample])
            for each in (one, two)
        ]
    )


def test_arrays_and_streams_need_no_training_set():
    x, y = toy.arrays()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    held = toy.arrays(num_examples=24)
    (of_arrays,) = division.divide((x, y), held)
    assert of_arrays.training_set.num_examples == 96
    (of_stream,) = division.divide(stream, held)
    assert of_stream.training_set is None and of_stream.train is stream
    for each in (of_arrays, of_stream):
        assert each.holdout_rows is None
        assert size(each.train_sample) == 24


def test_parts_mapped_by_the_user_are_the_training_set_still():
    train, held = split()
    (found,) = division.divide(train.map(same_row), held.map(same_row))
    assert found.training_set.shares_rows(train.training_set)
    (found,) = division.divide(train, held.map(same_row))
    assert found.holdout_rows is not None


def test_folds_hold_out_each_row_once_and_sample_the_rest():
    train = gb.make_training_dataset(gb.Examples(*toy.arrays()), batch_size=16)
    divisions = division.divide(train, folds=4)
    held = np.concatenate([each.holdout_rows for each in divisions])
    assert sorted(held) == list(range(96))
    for each in divisions:
        assert not set(each.rows) & set(each.holdout_rows)
        assert size(each.holdout) == size(each.train_sample) == 24


@pytest.mark.parametrize(
    ("train", "holdout", "advice"),
    [
        (
            lambda train: train.dataset.prefetch(2),
            lambda held: held,
            "Pass that, or `holdout.dataset` to do without V's return.",
        ),
        (
            lambda train: split(seed=1).train,
            lambda held: held,
            "Received: train=another training set.",
        ),
        (
            lambda train: train,
            lambda held: held.prefetch(2),
            "or `train.dataset` to do without V's return.",
        ),
    ],
)
def test_parts_that_would_lose_the_holdout_are_refused(train, holdout, advice):
    ours, held = split()
    with pytest.raises(ValueError, match=advice):
        division.divide(train(ours), holdout(held))


def test_user_who_says_so_does_without_the_return():
    train, held = split()
    (found,) = division.divide(train.dataset.prefetch(2), held.dataset)
    assert found.training_set is None and found.holdout_rows is None
    division.check_trained_on(found, train.dataset)


def test_folds_of_what_is_split_already_are_refused():
    with pytest.raises(ValueError, match="Leave `folds` out, or do not split."):
        division.divide(split().train, folds=3)


def test_folds_of_a_stream_are_refused():
    stream = tf.data.Dataset.from_tensor_slices(toy.arrays()).batch(16)
    with pytest.raises(ValueError, match="Use a holdout."):
        division.divide(stream, folds=3)


def test_training_on_something_else_is_refused():
    train, held = split()
    (found,) = division.divide(train, held)
    division.check_trained_on(found, train.map(same_row))
    division.check_trained_on(found, training_set.as_dataset(train))
    for other in (train.dataset.prefetch(2), split().train, toy.arrays()[0]):
        with pytest.raises(ValueError, match="to do without V's return."):
            division.check_trained_on(found, other)


def test_sample_of_the_training_set_may_be_arrays():
    data, held = toy.arrays(), toy.arrays(num_examples=24)
    (found,) = division.divide(data, held, train_sample=held)
    assert size(found.train_sample) == 24


def endless():
    x, y = toy.arrays(num_examples=64)
    while True:
        yield x, y


def test_data_without_an_end_are_refused(monkeypatch):
    held = toy.arrays(num_examples=24)
    with pytest.raises(TypeError, match="from_generator"):
        division.divide(endless(), held)
    # TensorFlow cannot know that this one never ends.
    spec = tf.nest.map_structure(
        lambda each: tf.TensorSpec(each.shape, each.dtype), next(endless())
    )
    stream = tf.data.Dataset.from_generator(endless, output_signature=spec)
    monkeypatch.setattr(sources, "MOST_TIMES", 10)
    with pytest.raises(ValueError, match="more than 1000 examples, and 24"):
        division.divide(stream, held)
    with pytest.raises(ValueError, match="Pass `train_sample`"):
        division.divide(stream, held)
    assert division.divide(stream, held, train_sample=held)
