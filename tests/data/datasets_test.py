"""Datasets from examples, and the division into T and V."""

import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from tests.data.numbered_rows import numbered
from tests.data.numbered_rows import rows
from tests.data.numbered_rows import stream


@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_train_and_holdout_divide_the_set(kind):
    data = numbered() if kind == "arrays" else stream()
    train, held = gb.split_holdout(data, 0.2, seed=1)
    assert sorted(rows(train) + rows(held)) == list(range(20))
    assert len(rows(held)) == 4
    # Stratified: one of each class.
    assert sorted(row % 4 for row in rows(held)) == [0, 1, 2, 3]


def test_holdout_never_holds_a_validation_or_test_example():
    x, y = numbered(40)
    outside = {30, 31, 32}
    inside = np.array([row for row in range(40) if row not in outside])
    examples = gb.Examples(x, y).take(inside)
    train, held = gb.split_holdout(examples, 0.25, seed=0)
    assert not outside & set(rows(train) + rows(held))
    assert not set(rows(train)) & set(rows(held))


def test_batches_are_of_the_size_asked_for():
    train, held = gb.split_holdout(numbered(), 0.2, batch_size=5)
    sizes = [len(batch[1]) for batch in train]
    assert sizes == [5, 5, 5, 1]
    train, _ = gb.split_holdout(stream(batch_size=3), 0.2)
    assert [len(batch[1]) for batch in train][0] == 3


def test_sample_weights_travel_along():
    x, y = numbered()
    weight = np.linspace(0, 1, 20)
    train, _ = gb.split_holdout((x, y, weight), 0.2)
    for features, _, weights in train:
        expected = features["row"].numpy()[:, 0] / 19
        np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_shuffled_stream_is_refused_when_it_is_read():
    shuffled = (
        tf.data.Dataset.from_tensor_slices(numbered()).shuffle(20).batch(8)
    )
    train, _ = gb.split_holdout(shuffled, 0.2)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="before you shuffle"
    ):
        for _ in range(5):
            rows(train)


def test_known_labels_spare_a_pass_over_the_stream():
    passes = []

    def batches():
        passes.append(1)
        yield from stream()

    data = tf.data.Dataset.from_generator(
        batches, output_signature=stream().element_spec
    )
    x, y = numbered()
    gb.split_holdout(data, 0.2, labels=y)
    assert len(passes) == 1  # the first batch, for its size
    gb.split_holdout(data, 0.2)
    assert len(passes) == 3


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (lambda: stream().take(0), "Check the files it reads."),
        (lambda: stream().unbatch(), "Call `.batch\\(\\)` first."),
        (lambda: stream().map(lambda x, y: x), "Add the labels."),
    ],
)
def test_streams_that_cannot_be_divided_are_refused(data, advice):
    with pytest.raises(ValueError, match=advice):
        gb.split_holdout(data(), 0.2)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="Turn it into one of these first."):
        gb.split_holdout([1, 2, 3], 0.2)
