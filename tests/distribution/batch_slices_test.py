"""Slices of batches: each example once, whatever the sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.data import batches as data_batches
from gblend_keras.data import training_set
from gblend_keras.distribution import batch_slices
from tests import toy


@pytest.mark.parametrize("num_slices", [1, 2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 5, 7, 12])
def test_slices_hold_each_example_once_and_differ_by_one(
    num_slices, batch_size
):
    dataset = tf.data.Dataset.range(23).batch(batch_size)
    found = [
        [part.numpy() for part in batch_slices.slices(dataset, own, num_slices)]
        for own in (range(index, index + 1) for index in range(num_slices))
    ]
    for step, batch in enumerate(dataset.as_numpy_iterator()):
        parts = [slices_of_one[step] for slices_of_one in found]
        np.testing.assert_array_equal(np.concatenate(parts), batch)
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
    assert {len(each) for each in found} == {-(-23 // batch_size)}


def test_slices_of_full_batches_have_a_fixed_size():
    dataset = tf.data.Dataset.range(24).batch(8, drop_remainder=True)
    sliced = batch_slices.slices(dataset, range(0, 4, 2), 4)
    assert sliced.element_spec.shape == (2,)
    # The first worker's two replicas, batch by batch: slices 0 and 2.
    assert [part.numpy().tolist() for part in sliced][:3] == [
        [0, 1],
        [4, 5],
        [8, 9],
    ]


def test_slices_keep_the_structure_of_a_batch():
    x, y = toy.arrays(num_examples=6)
    dataset = gb.make_dataset(gb.Examples(x, y), batch_size=6)
    ((features, labels),) = batch_slices.slices(dataset, range(1, 2), 2)
    np.testing.assert_array_equal(features["m1"], x["m1"][3:])
    np.testing.assert_array_equal(labels, y[3:])


def test_one_process_leaves_its_data_to_keras():
    dataset = tf.data.Dataset.range(3).batch(2)
    assert (
        batch_slices.share_out(dataset, tf.distribute.get_strategy()) is dataset
    )


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_weights_multiply_sample_weights(one_hot):
    labels = np.array([0, 1, 2, 3])
    y = keras.utils.to_categorical(labels, 4) if one_hot else labels
    x = {"m0": np.zeros((4, 2), np.float32)}
    own = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    for data, expected in (
        ((x, y), [1.0, 0.5, 2.0, 1.0]),  # class 3 has no weight: 1
        ((x, y, own), [1.0, 1.0, 6.0, 4.0]),
    ):
        dataset = tf.data.Dataset.from_tensor_slices(data).batch(4)
        weighted = batch_slices.with_class_weight(dataset, {1: 0.5, 2: 2.0})
        ((_, _, found),) = weighted
        assert found.numpy().tolist() == expected


@pytest.mark.parametrize("ours", [True, False])
def test_slices_of_a_training_set_are_read_alone_and_in_the_same_order(ours):
    x, y = toy.arrays(num_examples=23)
    examples = gb.Examples(x, y)

    def batches():
        train = gb.make_training_dataset(examples, batch_size=5, seed=3)
        train.training_set.start_epoch(4)
        dataset = training_set.as_dataset(train)
        return dataset if ours else dataset.map(lambda x, y: (x, y))

    whole = np.concatenate([part["m0"] for part, _ in batches()])
    found = [
        list(
            data_batches.cut_into_slices(
                batches(),
                lambda parts, index=index: batch_slices.slices(
                    parts, range(index, index + 1), 2
                ),
            )
        )
        for index in range(2)
    ]
    both = [part[0]["m0"] for pair in zip(*found, strict=True) for part in pair]
    np.testing.assert_array_equal(np.concatenate(both), whole)
