"""Estimates inside `fit`: isolated heads, no trace, no re-tracing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import estimate_progress
from gblend_keras.blending import fit_arguments
from gblend_keras.blending import isolated_heads
from gblend_keras.blending import super_epochs
from gblend_keras.blending.estimators import retrain
from gblend_keras.data import division
from tests import toy
from tests.blending.estimates import ThrowAway

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.01),
}


def split(num_modalities=2, seed=0):
    return gb.split_holdout(
        toy.arrays(num_modalities), 0.25, seed=seed, batch_size=16
    )


def estimated(model, train, holdout, *, epochs=2, epoch=0):
    """Runs one estimate without a surrounding `fit`."""
    callback = gb.GradientBlending(train, holdout)
    model.make_train_function()
    model.stop_training, model.history = False, None
    return retrain.Retrain(gb.BlendSettings()).estimate(
        model,
        callback._divisions,
        super_epochs.Window(epoch, epochs),
        fit_arguments.FitSettings(verbose=0),
        estimate_progress.Journal(None),
    )


STAY = gb.BlendSettings(return_holdout=False)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_estimate_leaves_no_trace_in_training(name):
    def trained(with_estimates):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model(optimizer=OPTIMIZERS[name](), dropout=0.3, norm=True)
        train, holdout = split()
        callbacks = (
            [ThrowAway(train, holdout, super_epochs=(1, 1), settings=STAY)]
            if with_estimates
            else []
        )
        history = toy.fit(model, train, callbacks, epochs=3)
        return toy.state(model), history.history["loss"]

    plain, plain_loss = trained(with_estimates=False)
    probed, probed_loss = trained(with_estimates=True)
    assert probed_loss == plain_loss
    for before, after in zip(plain, probed, strict=True):
        np.testing.assert_array_equal(before, after)


def test_estimate_leaves_a_stream_of_the_user_in_order():
    x, y = toy.arrays()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)

    def trained(with_estimates):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model(dropout=0.3)
        train, holdout = gb.split_holdout(stream, 0.25, seed=0)
        callbacks = (
            [ThrowAway(train, holdout, super_epochs=(1, 1), settings=STAY)]
            if with_estimates
            else []
        )
        toy.fit(model, train, callbacks, epochs=2)
        return toy.state(model)

    for plain, probed in zip(trained(False), trained(True), strict=True):
        np.testing.assert_array_equal(plain, probed)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_pass_for_all_modalities_equals_one_pass_each(name, monkeypatch):
    def estimate(passes):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model(
            3, optimizer=OPTIMIZERS[name](), dropout=0.2, norm=True
        )
        with monkeypatch.context() as patch:
            if passes:
                patch.setattr(isolated_heads, "head_passes", lambda _: passes)
            return estimated(model, *split(3))

    together = estimate(None)
    separate = estimate([["m0"], ["m1"], ["m2"], ["joint"]])
    assert (together.num_passes, separate.num_passes) == (2, 4)
    for head, weight in separate.weights.items():
        assert together.weights[head] == pytest.approx(weight, abs=1e-5)
        assert together.generalization[head] == pytest.approx(
            separate.generalization[head], abs=1e-5
        )


def test_probed_head_trains_as_a_network_of_its_own():
    model = toy.model(2)
    train, holdout = split(2)
    tower = keras.models.clone_model(model.network.get_layer("m0_tower"))
    alone = keras.Sequential([tower, keras.layers.Dense(toy.NUM_CLASSES)])
    alone.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    alone.build((None, 6))
    alone.set_weights(
        [
            *model.network.get_layer("m0_tower").get_weights(),
            *model.network.get_layer("m0_head").get_weights(),
        ]
    )
    single = train.map(lambda x, y: (x["m0"], y))
    held = holdout.map(lambda x, y: (x["m0"], y))
    before = alone.evaluate(held, verbose=0)
    for epoch in range(2):
        train.training_set.start_epoch(epoch)
        for batch in single:
            alone.train_on_batch(*batch)
    gained = before - alone.evaluate(held, verbose=0)
    estimate = estimated(model, train, holdout, epochs=2)
    assert estimate.generalization["m0"] == pytest.approx(gained, abs=1e-5)


def test_heads_that_share_a_tower_get_a_pass_each():
    shared = toy.tower("shared", 6)
    network = gb.late_fusion({"left": shared, "right": shared}, 3)
    model = gb.BlendedModel(network)
    model.compile("sgd")
    assert isolated_heads.head_passes(model) == [["left"], ["right"], ["joint"]]


def test_global_norm_clipping_gives_each_head_a_pass():
    clipped = keras.optimizers.SGD(0.1, global_clipnorm=1.0)
    assert len(isolated_heads.head_passes(toy.model(3, optimizer=clipped))) == 4
    by_variable = keras.optimizers.SGD(0.1, clipnorm=1.0)
    assert (
        len(isolated_heads.head_passes(toy.model(3, optimizer=by_variable)))
        == 2
    )


def test_unknown_optimizer_gives_each_head_a_pass():
    class Odd(keras.optimizers.SGD):
        pass

    assert len(isolated_heads.head_passes(toy.model(optimizer=Odd(0.1)))) == 3


@pytest.mark.parametrize("num_modalities", [1, 2, 3, 5])
def test_estimate_costs_two_passes_whatever_the_modalities(num_modalities):
    model = toy.model(num_modalities)
    estimate = estimated(model, *split(num_modalities), epochs=1)
    assert estimate.num_passes == 2
    assert estimate.examples_trained == 2 * 72  # 96 less a quarter
    assert list(estimate.weights) == model.head_names
    assert sum(estimate.weights.values()) == pytest.approx(1)


@pytest.fixture
def traces(monkeypatch):
    """Counts how often the training step is traced."""
    counted = []
    original = gb.BlendedModel.train_step

    def train_step(self, data):
        counted.append(1)
        return original(self, data)

    monkeypatch.setattr(gb.BlendedModel, "train_step", train_step)
    return counted


def test_new_weights_reach_the_compiled_step_without_retracing(traces):
    model = toy.model(optimizer=keras.optimizers.SGD(0.1))
    train, _ = split()
    toy.fit(model, train, epochs=1)
    num_traces = len(traces)
    model.assign_blend_weights({"m0": 0.0, "m1": 0.5, "joint": 0.5})
    kernel = model.network.get_layer("m0_head").kernel
    before = kernel.numpy()
    toy.fit(model, train, epochs=1)
    np.testing.assert_array_equal(before, kernel.numpy())
    assert len(traces) == num_traces


def test_estimates_do_not_retrace_the_step(traces):
    model = toy.model()
    train, holdout = split()
    toy.fit(model, train, epochs=1)
    num_traces = len(traces)
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    toy.fit(model, train, [callback], epochs=3)
    assert len(callback.estimates) == 3
    assert len(traces) == num_traces


def test_learning_rate_schedule_runs_inside_the_estimate_as_in_training():
    seen = []

    def rate(epoch, current):
        seen.append(epoch)
        return 0.05 * 0.5**epoch

    model = toy.model()
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout, super_epochs=(2, 2))
    schedule = keras.callbacks.LearningRateScheduler(rate)
    toy.fit(model, train, [schedule, callback], epochs=4)
    probe_epochs, training = [0, 1, 0, 1], [0, 1]
    later = [2, 3, 2, 3]
    assert seen == probe_epochs + training + later + [2, 3]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_snapshot_covers_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    model = toy.model(dropout=0.2, norm=True)
    train, holdout = split()
    toy.fit(model, train, epochs=1)
    before = toy.state(model)
    estimated(model, train, holdout)
    toy.assert_state(model, before)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_moving_averages_of_the_optimizer_change_no_estimate(policy):
    def estimate(**averaging):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        keras.config.set_dtype_policy(policy)
        try:
            model = toy.model(
                optimizer=keras.optimizers.SGD(0.1, momentum=0.9, **averaging)
            )
            return estimated(model, *split(), epochs=3)
        finally:
            keras.config.set_dtype_policy("float32")

    plain = estimate()
    averaged = estimate(use_ema=True, ema_momentum=0.9)
    assert averaged.weights == plain.weights
    assert averaged.generalization == plain.generalization


def online(callbacks, *, epochs=4, backup=None, **averaging):
    """The weights of a seeded online training, and the model."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    model = toy.model(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9, **averaging)
    )
    data = split()
    blending = gb.GradientBlending(data, super_epochs=(2, 2), settings=STAY)
    toy.fit(model, data, [blending, *callbacks], epochs=epochs)
    return [each.weights for each in blending.estimates], model


def test_weights_swapped_for_their_averages_are_back_in_an_estimate():
    averaging = {"use_ema": True, "ema_momentum": 0.9}
    plain, _ = online([], **averaging)
    swapped, _ = online(
        [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)], **averaging
    )
    for one, other in zip(plain, swapped, strict=True):
        assert other == pytest.approx(one, abs=1e-3)


def test_training_that_keras_restored_does_not_move_the_start_of_a_pass(
    tmp_path,
):
    plain, _ = online([], epochs=4)

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(KeyboardInterrupt):
        online([backup(), Stop()])
    resumed, model = online([backup()])
    assert resumed[-1] == pytest.approx(plain[-1], abs=1e-6)


def test_an_error_inside_an_estimate_puts_the_model_back():
    model = toy.model()
    train, holdout = split()
    toy.fit(model, train, epochs=1)
    before = toy.state(model)

    def fail(epoch, rate):
        raise KeyboardInterrupt

    callback = gb.GradientBlending(train, holdout)
    with pytest.raises(KeyboardInterrupt):
        retrain.Retrain(gb.BlendSettings()).estimate(
            model,
            callback._divisions,
            super_epochs.Window(0, 1),
            fit_arguments.FitSettings(
                verbose=0,
                schedules=(keras.callbacks.LearningRateScheduler(fail),),
            ),
            estimate_progress.Journal(None),
        )
    toy.assert_state(model, before)


def test_weights_do_not_depend_on_the_batch_size_of_the_measurement():
    def weights(batch_size):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        model = toy.model()
        train, holdout = split()
        training_set = train.training_set
        rebatched = holdout.unbatch().batch(batch_size)
        sample = training_set.sample(24, seed=0)
        return (
            retrain.Retrain()
            .estimate(
                model,
                [division.Division(training_set.epochs, rebatched, sample)],
                super_epochs.Window(0, 2),
                fit_arguments.FitSettings(verbose=0),
                estimate_progress.Journal(None),
            )
            .weights
        )

    small, large = weights(1), weights(24)
    for head, weight in large.items():
        assert small[head] == pytest.approx(weight, abs=1e-5)


def test_names_and_order_of_modalities_do_not_matter():
    x, y = toy.arrays(2)

    def weights(names):
        keras.backend.clear_session(free_memory=False)
        towers = {}
        for name in names:
            keras.utils.set_random_seed(7)
            towers[name] = toy.tower(name, 6 + int(name[-1]))
        model = gb.BlendedModel(gb.late_fusion(towers, 3))
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
        for layer in model.network.layers:
            if layer.name.endswith("_head") and layer.name != "joint_head":
                keras.utils.set_random_seed(3)
                layer.kernel.assign(keras.random.normal(layer.kernel.shape))
        renamed = {name: x[f"m{name[-1]}"] for name in names}
        train, holdout = gb.split_holdout((renamed, y), 0.25, batch_size=16)
        found = estimated(model, train, holdout)
        shares = {
            name[-1]: found.generalization[name] / found.overfitting[name] ** 2
            for name in names
        }
        return shares

    plain = weights(["m0", "m1"])
    turned = weights(["zeta_1", "alpha_0"])
    assert plain["0"] == pytest.approx(turned["0"], rel=1e-4)
    assert plain["1"] == pytest.approx(turned["1"], rel=1e-4)


def test_weight_of_the_tower_that_overfits_falls():
    # m0 tells the class; m1 is noise that a wide tower learns by heart.
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = {
        "m0": np.eye(6)[y] * 2 + 0.5 * rng.normal(size=(120, 6)),
        "m1": rng.normal(size=(120, 40)),
    }
    towers = {
        "m0": toy.tower("m0", 6),
        "m1": toy.tower("m1", 40, units=64),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, 3))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    train, holdout = gb.split_holdout((x, y), 0.3, batch_size=16)
    callback = gb.GradientBlending(train, holdout, super_epochs=None)
    toy.fit(model, train, [callback], epochs=8)
    weights = model.blend_weights
    assert weights["m1"] < 0.05 < weights["m0"]
