"""BlendedModel: what Keras users expect of a model, with several heads."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from tests import alone
from tests import toy


def test_loss_is_the_scaled_weighted_sum_of_the_heads_losses():
    x, y = toy.arrays(num_examples=12)
    model = toy.model(loss_scale=5.0)
    model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    blended = (
        0.5 * logs["m0_loss"] + 0.3 * logs["m1_loss"] + 0.2 * logs["joint_loss"]
    )
    assert logs["loss"] == pytest.approx(5.0 * blended, rel=1e-5)


def test_loss_scale_may_be_the_number_of_heads():
    assert toy.model(2, loss_scale="heads").loss_scale == 3
    assert toy.model(4, loss_scale="heads").loss_scale == 5


@pytest.mark.parametrize(
    ("weights", "scale"),
    [
        ((1 / 3, 1 / 3, 1 / 3), 1.5),
        ((0.8, 0.1, 0.1), 1 / 0.9),
        ((0.1, 0.1, 0.8), 1 / 0.9),
        ((0.0, 0.0, 1.0), 1.0),
        ((0.5, 0.5, 0.0), 2.0),
    ],
)
def test_no_tower_gets_more_than_joint_training_would_give_it(weights, scale):
    x, y = toy.arrays(num_examples=12)
    model = toy.model()
    model.assign_blend_weights(
        dict(zip(("m0", "m1", "joint"), weights, strict=True))
    )
    assert model.loss_scale == pytest.approx(scale)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    heads = ("m0_loss", "m1_loss", "joint_loss")
    blended = sum(w * logs[h] for w, h in zip(weights, heads, strict=True))
    assert logs["loss"] == pytest.approx(scale * blended, rel=1e-5)


def test_loss_scale_of_a_rule_is_that_of_equal_weights():
    network = toy.model(2).network
    rule = gb.methods.get("pcgrad").new_rule()
    model = gb.BlendedModel(network, rule=rule)
    model.compile("sgd")
    assert model.loss_scale == toy.model(2).loss_scale == 1.5
    model.assign_blend_weights({"m0": 0.9, "m1": 0.0, "joint": 0.1})
    assert model.loss_scale == 1.5


def test_loss_scale_follows_new_weights_without_retracing():
    x, y = toy.arrays(num_examples=24)
    model = toy.model(optimizer=keras.optimizers.SGD(0.1))
    model.fit(x, y, epochs=1, verbose=0)
    traced = model.train_function
    model.assign_blend_weights({"m0": 0.9, "m1": 0.0, "joint": 0.1})
    before = toy.state(model)
    model.fit(x, y, epochs=1, batch_size=24, shuffle=False, verbose=0)
    assert model.train_function is traced
    other = toy.model(optimizer=keras.optimizers.SGD(0.1), loss_scale=1.0)
    other.set_weights(before[: len(other.weights)])
    other.fit(x, y, epochs=1, batch_size=24, shuffle=False, verbose=0)
    for one, same in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-6)


def test_uniform_step_equals_keras_with_constant_loss_weights():
    x, y = toy.arrays()
    ours = toy.model(loss_scale=1.0)
    plain = keras.Model(ours.network.input, ours.network.output)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    before = [value.copy() for value in plain.get_weights()]
    ours.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    expected = [value.copy() for value in plain.get_weights()]
    plain.set_weights(before)
    plain.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        loss=dict.fromkeys(ours.head_names, loss),
        loss_weights=dict.fromkeys(ours.head_names, 1 / 3),
    )
    targets = dict.fromkeys(ours.head_names, y)
    plain.fit(x, targets, epochs=2, batch_size=16, shuffle=False, verbose=0)
    for one, other in zip(plain.get_weights(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_penalties_of_layers_are_added_to_the_loss():
    inputs = keras.Input((6,))
    penalized = keras.layers.Dense(4, kernel_regularizer="l2")(inputs)
    tower = keras.Model(inputs, penalized, name="m0_tower")
    model = gb.BlendedModel(gb.late_fusion({"m0": tower}, 3))
    model.compile("sgd", loss_scale=1.0)
    x, y = toy.arrays(1, num_examples=6)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    kernel = tower.get_layer(index=1).kernel.numpy()
    penalty = 0.01 * np.square(kernel).sum()
    blended = 0.5 * (logs["m0_loss"] + logs["joint_loss"])
    assert logs["loss"] == pytest.approx(blended + penalty, rel=1e-4)


@pytest.mark.parametrize("num_modalities", [1, 2, 3, 5])
def test_any_number_of_modalities_trains_and_predicts(num_modalities):
    x, y = toy.arrays(num_modalities)
    model = toy.model(num_modalities)
    model.fit(x, y, epochs=1, verbose=0)
    predicted = model.predict(x, verbose=0)
    assert list(predicted) == [*model.head_names, "blend", "pool"]
    for probability in predicted.values():
        assert probability.shape == (96, 3)
        np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    heads = [predicted[head] for head in model.head_names]
    np.testing.assert_allclose(
        predicted["blend"], np.mean(heads, axis=0), rtol=1e-5
    )


def test_logs_name_every_head_and_the_blend():
    x, y = toy.arrays()
    history = (
        toy.model()
        .fit(x, y, validation_data=(x, y), epochs=1, verbose=0)
        .history
    )
    for head in ("m0", "m1", "joint"):
        for key in (f"{head}_loss", f"{head}_accuracy"):
            assert key in history and f"val_{key}" in history
    for answer in ("blend", "pool"):
        assert f"{answer}_accuracy" in history
        assert f"val_{answer}_accuracy" in history
    assert history["loss"][0] > 0


def test_accuracy_in_the_logs_is_the_accuracy_of_the_predictions():
    x, y = toy.arrays()
    model = toy.model()
    model.fit(x, y, epochs=2, verbose=0)
    logs = model.evaluate(x, y, batch_size=7, verbose=0, return_dict=True)
    for name, probability in model.predict(x, verbose=0).items():
        accuracy = np.mean(probability.argmax(axis=1) == y)
        assert logs[f"{name}_accuracy"] == pytest.approx(accuracy, abs=1e-6)


class _Sequence(keras.utils.PyDataset):
    def __init__(self, x, y, **kwargs):
        super().__init__(**kwargs)
        self._x, self._y = x, y

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        return {k: v[rows] for k, v in self._x.items()}, self._y[rows]


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "PyDataset"])
def test_every_kind_of_data_trains_with_estimates(kind):
    x, y = toy.arrays()
    data = {
        "arrays": (x, y),
        "tf.data": tf.data.Dataset.from_tensor_slices((x, y)).batch(16),
        "PyDataset": _Sequence(x, y),
    }[kind]
    held = toy.arrays(num_examples=24, seed=5)
    model = toy.model()
    callback = gb.GradientBlending(data, held, super_epochs=(1, 1))
    arguments = {"x": x, "y": y} if kind == "arrays" else {"x": data}
    model.fit(
        **arguments, epochs=2, verbose=0, shuffle=False, callbacks=[callback]
    )
    assert [estimate.epoch for estimate in callback.estimates] == [0, 1]
    assert sum(model.blend_weights.values()) == pytest.approx(1, abs=1e-5)


def test_multi_hot_labels_train_with_estimates():
    x, y = toy.arrays()
    labels = np.eye(3, dtype=np.float32)[y]
    labels[::4, 0] = 1
    model = toy.model(multi_label=True)
    train, holdout = gb.split_holdout((x, labels), 0.25, batch_size=16)
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    model.fit(train, epochs=2, verbose=0, callbacks=[callback])
    predicted = model.predict(x, verbose=0)["joint"]
    logs = model.evaluate(x, labels, verbose=0, return_dict=True)
    right = np.mean((predicted > 0.5) == (labels > 0.5))
    assert logs["joint_accuracy"] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_measured_losses_are_those_of_each_example(measure):
    x, y = toy.arrays(num_examples=10)
    model = toy.model()
    values, weights = model.measure(
        gb.make_dataset(gb.Examples(x, y), batch_size=4), measure
    )
    predicted = model.predict(x, verbose=0)
    for column, head in enumerate(model.head_names):
        chosen = predicted[head]
        expected = (
            -np.log(chosen[np.arange(10), y])
            if measure == "loss"
            else (chosen.argmax(axis=1) != y).astype(float)
        )
        np.testing.assert_allclose(values[:, column], expected, rtol=1e-4)
    np.testing.assert_array_equal(weights, np.ones(10))


def test_one_hot_labels_train_like_integers():
    x, y = toy.arrays()
    integers = toy.model()
    start = integers.get_weights()
    integers.fit(x, y, epochs=1, verbose=0, shuffle=False)
    one_hot = toy.model(loss="categorical_crossentropy")
    one_hot.set_weights(start)
    one_hot.fit(x, np.eye(3)[y], epochs=1, verbose=0, shuffle=False)
    for one, other in zip(
        integers.get_weights(), one_hot.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_sample_and_class_weights_reach_training_and_estimates():
    x, y = toy.arrays()
    weight = (y != 2).astype(np.float32)
    train, holdout = gb.split_holdout((x, y, weight), 0.25, batch_size=16)
    only = toy.model()
    values, weights = only.measure(holdout)
    assert set(weights) == {0.0, 1.0} and len(values) == 24
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    only.fit(train, epochs=1, verbose=0, callbacks=[callback])
    by_sample = callback.estimates[0]

    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    train, holdout = gb.split_holdout((x, y), 0.25, batch_size=16)
    other = toy.model()
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    other.fit(
        train,
        epochs=1,
        verbose=0,
        class_weight={0: 1.0, 1: 1.0, 2: 0.0},
        callbacks=[callback],
    )
    by_class = callback.estimates[0]
    # T' has no class weight of its own, so G (from V alone) is compared.
    for head in other.head_names:
        assert by_class.generalization[head] == pytest.approx(
            by_sample.generalization[head], abs=1e-5
        )


def test_steps_per_execution_changes_nothing():
    x, y = toy.arrays()

    def trained(steps):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model(steps_per_execution=steps)
        train, holdout = gb.split_holdout((x, y), 0.25, batch_size=12)
        callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
        model.fit(train, epochs=2, verbose=0, callbacks=[callback])
        return toy.state(model)

    for one, three in zip(trained(1), trained(3), strict=True):
        np.testing.assert_allclose(one, three, rtol=1e-5, atol=1e-6)


def test_dataset_of_unknown_length_counts_no_step_twice():
    x, y = toy.arrays()

    def batches():
        for start in range(0, 96, 16):
            rows = slice(start, start + 16)
            yield {name: array[rows] for name, array in x.items()}, y[rows]

    known = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    unknown = tf.data.Dataset.from_generator(
        batches, output_signature=known.element_spec
    )
    model = toy.model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras: "ran out of data"
        model.fit(unknown, epochs=1, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 6


def train_with_and_without_jit():
    x, y = toy.arrays()

    def trained(jit_compile):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model(jit_compile=jit_compile)
        train, holdout = gb.split_holdout((x, y), 0.25, batch_size=24)
        callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
        model.fit(train, epochs=2, verbose=0, callbacks=[callback])
        return model.get_weights()

    for one, other in zip(trained(False), trained(True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.large
def test_jit_compiled_step_trains_the_same():
    alone.run(train_with_and_without_jit)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_float32_heads(policy):
    keras.config.set_dtype_policy(policy)
    x, y = toy.arrays()
    model = toy.model()
    train, holdout = gb.split_holdout((x, y), 0.25, batch_size=24)
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    history = model.fit(train, epochs=6, verbose=0, callbacks=[callback])
    assert model(x)["joint"].dtype == "float32"
    assert history.history["joint_loss"][-1] < history.history["joint_loss"][0]


def test_saved_model_loads_without_custom_objects_and_goes_on(tmp_path):
    x, y = toy.arrays()
    model = toy.model(norm=True)
    model.fit(x, y, epochs=1, verbose=0)
    model.assign_blend_weights({"m0": 0.5, "m1": 0.3, "joint": 0.2})
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.blend_weights == model.blend_weights
    assert loaded.loss_scale == model.loss_scale
    expected, found = model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    for head in expected:
        np.testing.assert_array_equal(expected[head], found[head])
    for each in (model, loaded):
        each.fit(x, y, epochs=1, verbose=0, shuffle=False)
    toy.assert_state(loaded, toy.state(model))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_model_saved_before_training_loads_and_trains_alike(
    tmp_path, optimizer, policy
):
    keras.config.set_dtype_policy(policy)
    x, y = toy.arrays()
    model = toy.model(optimizer=keras.optimizers.get(optimizer))
    model.optimizer.learning_rate.assign(0.02)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(x, y, epochs=2, verbose=0, shuffle=False)
    toy.assert_state(loaded, toy.state(model))


@pytest.mark.parametrize(
    "imports",
    [
        "keras, gblend_keras",
        pytest.param("gblend_keras, keras", marks=pytest.mark.large),
    ],
)
def test_saved_model_loads_in_a_new_process(tmp_path, imports):
    path = tmp_path / "model.keras"
    toy.model().save(path)
    code = (
        f"import {imports}\n"
        f"model = keras.models.load_model({str(path)!r})\n"
        "print(type(model).__name__, list(model.blend_weights))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "BlendedModel ['m0', 'm1', 'joint']" in done.stdout


@pytest.mark.parametrize(
    ("weights", "advice"),
    [
        ({"m0": 1.0}, "Give every head a weight."),
        (
            {"m0": 0.5, "m1": 0.2, "joint": 0.1},
            "Divide them by their sum.",
        ),
        (
            {"m0": 1.5, "m1": -0.5, "joint": 0.0},
            "Divide them by their sum.",
        ),
    ],
)
def test_weights_that_are_no_blend_are_refused(weights, advice):
    with pytest.raises(ValueError, match=advice):
        toy.model().assign_blend_weights(weights)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"loss": "mse"}, "Leave it out for cross-entropy."),
        (
            {"loss": keras.losses.SparseCategoricalCrossentropy()},
            "Pass from_logits=True.",
        ),
        (
            {"loss": "binary_crossentropy"},
            "Pass `multi_label` to BlendedModel to match the loss.",
        ),
        ({"loss_scale": 0.0}, "Leave it out, so that no tower"),
        ({"loss_weights": {"m0": 1}}, "Use `assign_blend_weights`"),
    ],
)
def test_compile_refuses_what_would_train_wrongly(arguments, advice):
    with pytest.raises(ValueError, match=advice):
        toy.model(**arguments)


def test_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="Check the spelling"):
        toy.model().compile("sgd", metrics=["acuracy"])


def test_metrics_get_a_copy_for_each_head():
    x, y = toy.arrays()
    model = toy.model()
    top = keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2")
    model.compile("sgd", metrics=["accuracy", top])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    for name in ("m0", "m1", "joint", "blend"):
        assert logs[f"{name}_top2"] >= logs[f"{name}_accuracy"]


def test_network_without_a_joint_head_is_refused():
    inputs = keras.Input((3,))
    with pytest.raises(ValueError, match="Build it with `late_fusion`."):
        gb.BlendedModel(keras.Model(inputs, keras.layers.Dense(2)(inputs)))
