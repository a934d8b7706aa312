"""Batches: a dataset like any other, which can be cut before it is read."""

import numpy as np
import tensorflow as tf

from gblend_keras.data import batches


class Counted:
    """Examples that count how many of them are read."""

    cheap = True
    clips_per_epoch = 1
    labels = np.arange(10)

    def __init__(self):
        self.seen = []

    def plan(self, rows, batch_size, seed):
        return tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)

    def load(self, rows):
        def count(found):
            self.seen.extend(found.numpy().tolist())
            return found

        found = tf.py_function(count, [rows], tf.int64)
        found.set_shape([None])
        return found


def every_second(parts):
    return parts.map(lambda rows: rows[::2])


def make(source, functions=()):
    read = batches.read_rows(source, np.arange(10), 4, functions)
    return batches.Batches(read)


def test_batches_are_a_dataset():
    dataset = make(Counted())
    assert isinstance(dataset, tf.data.Dataset)
    assert dataset.cardinality() == 3
    assert dataset.element_spec == tf.TensorSpec([None], tf.int64)
    assert dataset.options().autotune.enabled is False
    assert [len(batch) for batch in dataset.unbatch().batch(5)] == [5, 5]
    derived = dataset.map(lambda rows: rows)
    assert not isinstance(derived, batches.Batches)


def test_what_a_cut_leaves_out_is_not_read():
    source = Counted()
    found = batches.cut_into_slices(make(source), every_second)
    assert [part.numpy().tolist() for part in found] == [[0, 2], [4, 6], [8]]
    assert sorted(source.seen) == [0, 2, 4, 6, 8]


def test_other_datasets_are_cut_after_they_are_read():
    source = Counted()
    plain = make(source).map(lambda rows: rows)
    found = batches.cut_into_slices(plain, every_second)
    assert [part.numpy().tolist() for part in found] == [[0, 2], [4, 6], [8]]
    assert sorted(source.seen) == list(range(10))


def test_functions_are_applied_in_order_to_what_is_read():
    functions = [lambda rows: rows + 1, lambda rows: rows * 10]
    dataset = make(Counted(), functions)
    assert next(iter(dataset)).numpy().tolist() == [10, 20, 30, 40]
    found = batches.cut_into_slices(dataset, every_second)
    assert next(iter(found)).numpy().tolist() == [10, 30]
