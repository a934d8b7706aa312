"""Bad input: one clear sentence before training, none from inside Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from tests import toy


def as_stream(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)


def broken(change):
    x, y = toy.arrays()
    return change(dict(x), y.copy())


def without_a_modality(x, y):
    del x["m1"]
    return x, y


def with_another_modality(x, y):
    x["smell"] = x["m0"]
    return x, y


def of_another_shape(x, y):
    x["m0"] = x["m0"][:, :3]
    return x, y


def of_text(x, y):
    x["m0"] = np.full((96, 6), "loud")
    return x, y


def with_nan(x, y):
    x["m1"][3, 2] = np.nan
    return x, y


def with_a_label_out_of_range(x, y):
    y[5] = 3
    return x, y


def with_a_negative_label(x, y):
    y[5] = -1
    return x, y


def of_no_example(x, y):
    return {name: array[:0] for name, array in x.items()}, y[:0]


CASES = [
    (without_a_modality, "missing: ['m1'], surplus: []", "or the towers."),
    (with_another_modality, "surplus: ['smell']", "or the towers."),
    (of_another_shape, "Modality 'm0' has a wrong shape", "for this shape."),
    (of_text, "Modality 'm0' holds text", "into numbers first."),
    (with_nan, "Modality 'm1' has values that are NaN", "fill the gaps."),
    (with_a_label_out_of_range, "Expected classes 0 to 2", "the labels."),
    (with_a_negative_label, "negative label", "Number the classes from 0."),
    (of_no_example, "The dataset is empty", ""),
]


@pytest.mark.parametrize("kind", ["arrays", "stream", "validation"])
@pytest.mark.parametrize(
    ("change", "what", "advice"),
    CASES,
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_bad_data_is_refused_in_one_sentence(change, what, advice, kind):
    x, y = broken(change)
    model = toy.model()
    with pytest.raises(ValueError) as caught:
        if kind == "arrays":
            model.fit(x, y, verbose=0)
        elif kind == "stream":
            model.fit(as_stream(x, y), verbose=0)
        else:
            model.fit(*toy.arrays(), validation_data=(x, y), verbose=0)
    message = str(caught.value)
    assert what in message and advice in message
    assert "Expected" in message and "Received" in message
    assert int(model.optimizer.iterations) == 0


def test_labels_of_another_length_are_refused():
    x, y = toy.arrays()
    with pytest.raises(ValueError, match="in the same order."):
        toy.model().fit(x, y[:-1], verbose=0)


def test_inputs_without_names_are_refused():
    x, y = toy.arrays()
    with pytest.raises(ValueError, match="Pass a dictionary."):
        toy.model().fit(x["m0"], y, verbose=0)


def test_missing_labels_are_refused():
    x, _ = toy.arrays()
    with pytest.raises(ValueError, match="Pass the labels."):
        toy.model().fit(x, verbose=0)


def test_multi_hot_labels_for_single_labels_are_refused():
    x, y = toy.arrays()
    with pytest.raises(ValueError, match="Check `num_classes`"):
        toy.model().fit(x, np.eye(4)[y], verbose=0)
    with pytest.raises(ValueError, match="Check `num_classes`"):
        toy.model(multi_label=True).fit(x, y, verbose=0)


def test_predict_and_evaluate_name_a_missing_modality():
    x, y = toy.arrays()
    del x["m0"]
    with pytest.raises(ValueError, match="missing: \\['m0'\\]"):
        toy.model().predict(x, verbose=0)
    with pytest.raises(ValueError, match="missing: \\['m0'\\]"):
        toy.model().evaluate(x, y, verbose=0)


def test_loss_that_diverges_names_head_and_epoch():
    x, y = toy.arrays()
    x["m1"] = x["m1"] * 1e30
    model = toy.model(optimizer=keras.optimizers.SGD(1e6))
    with pytest.raises(FloatingPointError) as caught:
        model.fit(x, y, epochs=3, verbose=0)
    assert "head 'm1'" in str(caught.value)
    assert "in epoch 0" in str(caught.value)
    assert "Lower the learning rate" in str(caught.value)


@pytest.mark.parametrize(
    ("towers", "advice"),
    [
        ({}, "Pass at least one tower."),
        ({"joint": "tower"}, "Rename it."),
        ({"a b": "tower"}, "Rename it."),
        ({"m0": 3}, "Wrap it in keras.Sequential"),
    ],
)
def test_towers_that_cannot_be_fused_are_refused(towers, advice):
    built = {
        name: toy.tower("m0", 4) if value == "tower" else value
        for name, value in towers.items()
    }
    with pytest.raises((ValueError, TypeError), match=advice):
        gb.late_fusion(built, 3)


def test_tower_without_pooling_is_refused():
    inputs = keras.Input((8, 8, 1))
    tower = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    with pytest.raises(ValueError, match="End it with global pooling."):
        gb.late_fusion({"rgb": tower}, 3)


def test_tower_without_a_known_input_is_refused():
    tower = keras.Sequential([keras.layers.Dense(4)])
    with pytest.raises(ValueError, match="keras.Sequential"):
        gb.late_fusion({"rgb": tower}, 3)


def test_towers_of_one_name_are_refused():
    towers = {"left": toy.tower("eye", 4), "right": toy.tower("eye", 4)}
    with pytest.raises(ValueError, match="when you build them."):
        gb.late_fusion(towers, 3)
