"""Calibrating the pool of a model, on examples it was not trained on."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import _compiled_state
from gblend_keras.blending import snapshot
from tests import toy


def trained(**arguments):
    """A model whose head m1 knows nothing, and examples of its kind."""
    x, y = toy.arrays(num_examples=300, noise=1.5)
    x["m1"] = np.random.default_rng(1).normal(size=(300, 7)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = toy.model(**arguments)
    labels = y
    if model.multi_label:
        labels = np.eye(3, dtype=np.float32)[y]
    model.fit(part(x, 0, 100), labels[:100], epochs=5, verbose=0)
    return model, x, labels


def part(x, start, stop):
    return {name: values[start:stop] for name, values in x.items()}


def nll(p, y):
    return -np.log(p[np.arange(len(y)), y]).mean()


def test_calibrated_pool_is_better_on_other_examples():
    model, x, y = trained()
    rest = part(x, 200, 300)
    before = model.predict(rest, verbose=0)
    found = model.calibrate(part(x, 100, 200), y[100:200])
    after = model.predict(rest, verbose=0)
    assert nll(after["pool"], y[200:]) < nll(before["pool"], y[200:])
    assert nll(after["pool"], y[200:]) < nll(after["blend"], y[200:])
    np.testing.assert_array_equal(before["joint"], after["joint"])
    assert found.exponents["m1"] < 0.4 * found.exponents["m0"]
    assert found.num_examples == 100
    assert found.pool_loss < found.log_mean_loss
    assert found.pool_loss < found.cross_validated.loss
    assert found.summary().startswith("Pool calibrated on 100 examples (m0 ")
    logged = model.evaluate(rest, y[200:], verbose=0, return_dict=True)
    accuracy = (after["pool"].argmax(axis=1) == y[200:]).mean()
    assert logged["pool_accuracy"] == pytest.approx(accuracy)


def test_exponents_of_heads_are_fitted_for_each_set_of_modalities():
    model, x, y = trained()
    model.calibrate(part(x, 100, 200), y[100:200])
    rest = part(x, 200, 300)
    np.testing.assert_allclose(
        model.predict_available(rest),
        model.predict(rest, verbose=0)["pool"],
        atol=1e-6,
    )
    alone = model.predict_available({"m1": rest["m1"]})
    own = model.predict(rest, verbose=0)["m1"]
    # A temperature of its own: what knows nothing is not sure of anything.
    assert nll(alone, y[200:]) < nll(own, y[200:])
    np.testing.assert_array_equal(alone.argmax(axis=1), own.argmax(axis=1))


def test_many_modalities_are_calibrated_where_all_are_there():
    model = toy.model(7)
    x, y = toy.arrays(7)
    assert len(model.pool.subsets) == 1
    model.calibrate(x, y)
    some = {f"m{index}": x[f"m{index}"] for index in range(3)}
    assert np.isfinite(model.predict_available(some)).all()


@pytest.mark.parametrize("form", ["arrays", "weights", "dataset", "examples"])
def test_examples_come_as_evaluate_takes_them(form):
    model, x, y = trained()
    x, y = part(x, 100, 200), y[100:200]
    ones = np.ones(100, np.float32)
    given = {
        "arrays": (x, y),
        "weights": (x, y, ones),
        "dataset": (tf.data.Dataset.from_tensor_slices((x, y)).batch(7),),
        "examples": (gb.make_dataset(gb.Examples(x, y), batch_size=32),),
    }[form]
    model.calibrate(*given)
    found = model.pool.exponents(model.head_names)
    model.calibrate(x, y, batch_size=100)
    expected = model.pool.exponents(model.head_names)
    assert found == pytest.approx(expected, abs=1e-4)


def test_one_hot_labels_are_those_of_their_classes():
    x, y = toy.arrays()
    model = toy.model(loss="categorical_crossentropy")
    model.calibrate(x, np.eye(3, dtype=np.float32)[y])
    found = keras.ops.convert_to_numpy(model.pool.variable)
    plain = gb.BlendedModel(model.network)
    plain.compile("sgd")
    plain.calibrate(x, y)
    np.testing.assert_allclose(plain.pool.variable, found, atol=1e-6)


def test_labels_of_several_classes_are_calibrated_by_sigmoids():
    model, x, y = trained(multi_label=True)
    rest = part(x, 200, 300)
    before = model.predict(rest, verbose=0)["pool"]
    found = model.calibrate(part(x, 100, 200), y[100:200])
    after = model.predict(rest, verbose=0)["pool"]

    def loss(p):
        likely = np.where(y[200:] > 0.5, p, 1 - p)
        return -np.log(likely).sum(axis=1).mean()

    assert loss(after) < loss(before)
    assert 0.5 < found.cross_validated.accuracy <= 1


def test_sample_weights_choose_what_counts():
    model, x, y = trained()
    x, y = part(x, 100, 200), y[100:200]
    wrong = np.concatenate([y[:50], (y[50:] + 1) % 3])
    weight = np.concatenate([np.ones(50), np.zeros(50)]).astype(np.float32)
    model.calibrate(x, wrong, weight)
    found = model.pool.exponents(model.head_names)
    model.calibrate(part(x, 0, 50), y[:50])
    assert found == pytest.approx(model.pool.exponents(model.head_names), 1e-4)


def test_saved_model_keeps_its_exponents(tmp_path):
    model, x, y = trained()
    model.calibrate(part(x, 100, 200), y[100:200])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.pool.is_set
    rest = part(x, 200, 300)
    np.testing.assert_array_equal(
        again.predict(rest, verbose=0)["pool"],
        model.predict(rest, verbose=0)["pool"],
    )


def test_saved_model_of_an_earlier_version_answers_with_equal_exponents(
    tmp_path, monkeypatch
):
    model, x, y = trained()
    model.calibrate(part(x, 100, 200), y[100:200])

    def save(numbered_by_keras, store):
        numbered = {}
        numbered_by_keras(numbered)
        store["0"] = numbered["0"]

    monkeypatch.setattr(_compiled_state, "save_variables", save)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert not again.pool.is_set
    rest = part(x, 200, 203)
    p = again.predict(rest, verbose=0)
    logs = [np.log(0.95 * p[h] + 0.05 / 3) for h in ("m0", "m1", "joint")]
    powers = np.exp(1.5 * np.mean(logs, axis=0))
    np.testing.assert_allclose(
        p["pool"], powers / powers.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_model_with_a_rule_is_saved_as_a_plain_one_with_its_exponents(tmp_path):
    method = gb.methods.get("uncertainty")
    model = gb.BlendedModel(toy.model().network, rule=method.new_rule())
    model.compile(keras.optimizers.SGD(0.05))
    x, y = toy.arrays()
    model.fit(x, y, epochs=1, verbose=0)
    model.calibrate(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.pool.variable, model.pool.variable)
    assert again.blend_weights == model.blend_weights
    model.save_weights(tmp_path / "model.weights.h5")
    model.pool.assign({})
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again.pool.variable, model.pool.variable)


def test_training_changes_no_exponents_and_a_checkpoint_keeps_them(tmp_path):
    model, x, y = trained()
    model.calibrate(part(x, 100, 200), y[100:200])
    found = keras.ops.convert_to_numpy(model.pool.variable)
    checkpoint = gb.RunCheckpoint(tmp_path)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[checkpoint])
    np.testing.assert_array_equal(model.pool.variable, found)
    model.pool.assign({})
    gb.restore_newest(model, tmp_path)
    np.testing.assert_array_equal(model.pool.variable, found)


def test_checkpoint_of_an_earlier_version_goes_on_without_exponents(
    tmp_path, monkeypatch
):
    model, x, y = trained()
    original = snapshot.state_variables

    def without_pool(model):
        return [
            each for each in original(model) if each is not model.pool.variable
        ]

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "state_variables", without_pool)
        checkpoint = gb.RunCheckpoint(tmp_path)
        model.fit(x, y, epochs=1, verbose=0, callbacks=[checkpoint])
    expected = toy.state(model)
    other = toy.model()
    assert gb.restore_newest(other, tmp_path) == 1
    for one, two in zip(toy.state(other), expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_untrained_heads_take_no_part():
    model, x, y = trained()
    model.assign_blend_weights({"m0": 0.5, "m1": 0.0, "joint": 0.5})
    found = model.calibrate(part(x, 100, 200), y[100:200])
    assert set(found.exponents) == {"m0", "joint"}
    p = model.predict(part(x, 0, 5), verbose=0)
    model.pool.assign({})
    even = model.predict(part(x, 0, 5), verbose=0)["pool"]
    logs = [np.log(0.95 * p[head] + 0.05 / 3) for head in ("m0", "joint")]
    powers = np.exp(1.5 * np.mean(logs, axis=0))
    np.testing.assert_allclose(
        even, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_five_examples_and_absent_classes_are_enough():
    model, x, _ = trained()
    found = model.calibrate(part(x, 0, 5), np.zeros(5, np.int64))
    assert all(np.isfinite(list(found.exponents.values())))
    assert found.cross_validated.num_folds == 5


def test_groups_stay_whole_in_the_cross_validated_numbers():
    model, x, y = trained()
    people = np.arange(100) // 50
    found = model.calibrate(part(x, 100, 200), y[100:200], groups=people)
    assert found.cross_validated.num_folds == 2
    one = model.calibrate(part(x, 100, 101), y[100:101])
    assert one.cross_validated is None
    with pytest.raises(ValueError, match="Pass the group of each example"):
        model.calibrate(part(x, 100, 200), y[100:200], groups=people[:3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.arange(10)}, "label"),
        ({"x": {"m0": np.ones((10, 6), np.float32)}}, "m1"),
        ({"sample_weight": np.zeros(10)}, "positive weight"),
    ],
)
def test_what_cannot_calibrate_is_refused_and_changes_nothing(change, said):
    model = toy.model()
    x, y = toy.arrays(num_examples=10)
    with pytest.raises(ValueError, match=said):
        model.calibrate(**({"x": x, "y": y} | change))
    assert not model.pool.is_set


def test_names_of_subsets_are_all_there_are():
    model = toy.model(3)
    names = ["m0", "m1", "m2"]
    every = {
        subset
        for size in (1, 2, 3)
        for subset in itertools.combinations(names, size)
    }
    assert set(model.pool.subsets) == every
    assert model.pool.subsets[0] == tuple(names)
