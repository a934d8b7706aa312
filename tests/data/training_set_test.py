"""The training set: an order by (seed, epoch), V and its return."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.data import sources
from gblend_keras.data import training_set
from tests import toy
from tests.data.numbered_rows import numbered
from tests.data.numbered_rows import rows
from tests.data.numbered_rows import stream


@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_order_follows_seed_and_epoch_alone(kind):
    data = numbered() if kind == "arrays" else stream()
    train, _ = gb.split_holdout(data, 0.2, seed=1)
    training_set = train.training_set
    first, second = rows(train), rows(train)
    assert first != second and sorted(first) == sorted(second)
    training_set.start_epoch(1)
    assert rows(train) == second
    training_set.start_epoch(0)
    assert rows(train) == first
    other, _ = gb.split_holdout(data, 0.2, seed=2)
    assert rows(other) != first


def test_holdout_keeps_its_order():
    _, held = gb.split_holdout(numbered(), 0.2, seed=1)
    assert rows(held) == rows(held) == sorted(rows(held))


def test_rows_can_be_changed_and_the_length_kept():
    train, held = gb.split_holdout(numbered(), 0.2, batch_size=4)
    training_set = train.training_set
    training_set.use(np.arange(20), keep_length=True)
    seen = rows(train)
    assert len(seen) == len(set(seen)) == 16
    later = [rows(train) for _ in range(8)]
    assert set(seen).union(*later) == set(range(20))
    training_set.use(np.arange(20))
    assert sorted(rows(train)) == list(range(20))


def test_sample_of_a_stream_is_of_the_size_asked_for_and_fixed():
    sample = sources.sample_stream(stream(), 7, seed=0)
    assert len(rows(sample)) == len(set(rows(sample))) == 7
    assert rows(sample) == rows(sources.sample_stream(stream(), 7, seed=0))
    other = sources.sample_stream(stream(), 7, seed=1)
    assert rows(sample) != rows(other)


def test_sample_that_fills_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(sources, "MAX_SAMPLE_BYTES", 10)
    with pytest.raises(ValueError, match="or pass `train_sample`."):
        sources.sample_stream(stream(), 7, seed=0)


def test_plain_keras_model_trains_on_it_and_sees_new_orders():
    train, _ = gb.split_holdout(numbered(), 0.2)
    inputs = {"row": keras.Input((1,), name="row")}
    outputs = keras.layers.Dense(4)(inputs["row"])
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    first = rows(train)
    model.fit(
        train.dataset.map(lambda x, y: (x, y)),
        verbose=0,
        shuffle=False,
        steps_per_epoch=1,
    )
    assert rows(train) != first


def test_passes_over_arrays_are_not_held_up_by_tuning():
    # The tuning thread of tf.data may take a second to end after each pass.
    train, held = gb.split_holdout(toy.arrays(), 0.2, seed=0, batch_size=8)
    assert train.dataset.options().autotune.enabled is False
    assert held.options().autotune.enabled is False


def doubled(x, *rest):
    return {"row": 2 * x["row"]}, *rest


def test_training_set_is_its_two_parts():
    divided = gb.split_holdout(numbered(), 0.2, seed=1)
    train, held = divided
    assert train.training_set is divided and held.training_set is divided
    assert rows(held) == divided.holdout_rows.tolist()
    assert sorted(rows(train)) == divided.rows.tolist()
    assert divided.num_examples == 16


def test_training_set_without_a_holdout_has_one_part():
    train = gb.make_training_dataset(gb.Examples(*numbered()), batch_size=8)
    assert train.training_set.holdout is None
    train.training_set.give_back()
    assert train.training_set.num_examples == 20


def test_holdout_is_given_back_once_and_the_length_can_be_kept():
    divided = gb.split_holdout(numbered(), 0.2, seed=1, batch_size=4)
    divided.give_back(keep_length=True)
    assert len(rows(divided.train)) == 16
    assert divided.num_examples == 20
    divided.give_back()  # nothing is left to give back
    assert len(rows(divided.train)) == 16


@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_map_reaches_all_parts_and_shares_the_rows(kind):
    data = numbered() if kind == "arrays" else stream()
    divided = gb.split_holdout(data, 0.2, seed=1)
    mapped = divided.map(doubled).map(doubled)
    train, held = mapped
    divided.start_epoch(3)
    plain = rows(divided.train)
    divided.start_epoch(3)
    assert rows(train) == [4 * row for row in plain]
    assert rows(held) == [4 * row for row in divided.holdout_rows]
    sample = rows(mapped.sample(5, seed=0))
    assert sample == [4 * row for row in rows(divided.sample(5, seed=0))]
    mapped.give_back()
    assert sorted(rows(divided.train)) == list(range(20))
    assert mapped.shares_rows(divided)


def test_each_part_can_be_mapped_by_itself():
    train, held = gb.split_holdout(numbered(), 0.2, seed=1)
    mapped = held.map(doubled, num_parallel_calls=2)
    assert mapped.rows is held.rows
    assert rows(mapped) == [2 * row for row in rows(held)]
    assert train.map(doubled).training_set.shares_rows(train.training_set)


@pytest.mark.parametrize("name", ["prefetch", "shuffle", "take", "options"])
def test_other_methods_of_tf_data_are_refused(name):
    divided = gb.split_holdout(numbered(), 0.2)
    for each in (divided, divided.train):
        with pytest.raises(
            AttributeError, match=f"or `.dataset.{name}`: .* does not return."
        ):
            getattr(each, name)
        with pytest.raises(AttributeError, match="has no attribute 'feed'"):
            _ = each.feed
        assert not hasattr(each, "feed")


def test_plain_dataset_goes_its_own_way():
    divided = gb.split_holdout(numbered(), 0.2, seed=1)
    train, held = divided.map(doubled)
    first = rows(train)
    plain = train.dataset
    assert isinstance(plain, tf.data.Dataset)
    assert rows(plain) == first  # epoch 0 again
    assert plain.cardinality() == 1  # Keras is told
    assert rows(plain.prefetch(2)) == rows(train)  # epoch 1 of both
    divided.give_back()
    assert len(rows(plain)) == 16
    assert not isinstance(held.dataset, training_set.Holdout)
    assert rows(held.dataset) == rows(held)


def test_training_set_of_finds_what_is_trained_on():
    divided = gb.split_holdout(numbered(), 0.2)
    for data in (divided, divided.train, divided.epochs):
        assert training_set.training_set_of(data) is divided
        assert training_set.as_dataset(data) is divided.epochs
    for other in (divided.dataset, divided.holdout, None):
        assert training_set.training_set_of(other) is None
        assert training_set.as_dataset(other) is other


@pytest.mark.parametrize("part", [lambda each: each, lambda each: each.train])
def test_model_takes_the_training_set_wherever_it_takes_data(part):
    divided = gb.split_holdout(toy.arrays(), 0.25, seed=0, batch_size=16)
    model = toy.model()
    data = part(divided)
    history = toy.fit(model, data, epochs=2, validation_data=data)
    assert len(history.history["val_loss"]) == 2
    assert model.evaluate(data, verbose=0)
    assert model.predict(data, verbose=0)["joint"].shape == (72, 3)
    values, _ = model.measure(data)
    assert values.shape == (72, 3)
