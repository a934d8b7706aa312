"""GradientBlending beside Keras' own callbacks, and its arguments."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from tests import toy


def split(seed=0):
    return gb.split_holdout(toy.arrays(), 0.25, seed=seed, batch_size=16)


def test_super_epochs_are_ten_then_five_cut_at_the_end():
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout, super_epochs=(10, 5))
    toy.fit(toy.model(), train, [callback], epochs=17)
    windows = [(each.epoch, each.num_epochs) for each in callback.estimates]
    assert windows == [(0, 10), (10, 5), (15, 2)]


def test_offline_looks_once_at_all_epochs_and_returns_the_holdout():
    train, holdout = split()
    training_set = train.training_set
    model = toy.model()
    callback = gb.GradientBlending(train, holdout, estimator="retrain")
    assert training_set.num_examples == 72
    toy.fit(model, train, [callback], epochs=3)
    (estimate,) = callback.estimates
    assert (estimate.epoch, estimate.num_epochs) == (0, 3)
    assert estimate.examples_trained == 2 * 3 * 72
    assert training_set.num_examples == 96
    assert model.examples_seen == 96


def test_online_returns_the_holdout_for_the_last_super_epoch_only():
    pools, sizes = [], []
    train, holdout = split()
    training_set = train.training_set

    def count(epoch, logs):
        pools.append(training_set.num_examples)
        sizes.append(model.examples_seen)

    callback = gb.GradientBlending(train, holdout, super_epochs=(2, 1))
    model = toy.model()
    counter = keras.callbacks.LambdaCallback(on_epoch_end=count)
    toy.fit(model, train, [callback, counter], epochs=4)
    assert pools == [72, 72, 72, 96]
    assert sizes == [72, 72, 72, 80]  # 5 batches of 16 each time


def same(x, *rest):
    return {name: 1.0 * value for name, value in x.items()}, *rest


def test_training_set_alone_is_enough():
    divided = split()
    model = toy.model()
    callback = gb.GradientBlending(divided, super_epochs=None)
    toy.fit(model, divided, [callback], epochs=2)
    assert callback.estimates[0].num_holdout == 24
    assert divided.num_examples == model.examples_seen == 96


@pytest.mark.parametrize("whole", [True, False])
def test_holdout_returns_through_what_the_user_maps(whole):
    divided = split().map(same) if whole else split()
    train, holdout = divided
    if not whole:
        train, holdout = train.map(same), holdout.map(same)
    model = toy.model()
    callback = gb.GradientBlending(train, holdout, super_epochs=None)
    toy.fit(model, train, [callback], epochs=2)
    assert callback.estimates[0].num_holdout == 24
    assert model.examples_seen == 96


def test_map_that_changes_nothing_changes_no_estimate():
    def run(function):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        divided = split()
        divided = divided.map(function) if function else divided
        callback = gb.GradientBlending(divided, super_epochs=(1, 1))
        toy.fit(toy.model(dropout=0.3), divided, [callback], epochs=2)
        return [each.weights for each in callback.estimates]

    assert run(same) == run(None)


def test_training_on_what_the_holdout_cannot_return_to_is_refused():
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout)
    with pytest.raises(ValueError, match="to do without V's return."):
        toy.fit(toy.model(), train.dataset.prefetch(2), [callback])


def test_user_may_do_without_the_return_of_the_holdout():
    train, holdout = split()
    plain = train.dataset.prefetch(2)
    model = toy.model()
    callback = gb.GradientBlending(plain, holdout.dataset, super_epochs=None)
    toy.fit(model, plain, [callback], epochs=2, shuffle=False)
    assert model.examples_seen == 72
    stay = gb.BlendSettings(return_holdout=False)
    callback = gb.GradientBlending(
        train, holdout, super_epochs=(10, 5), settings=stay
    )
    toy.fit(toy.model(), plain, [callback], epochs=1, shuffle=False)


def test_online_can_keep_the_holdout_out_to_the_end():
    train, holdout = split()
    settings = gb.BlendSettings(return_holdout=False)
    callback = gb.GradientBlending(
        train, holdout, super_epochs=(1, 1), settings=settings
    )
    toy.fit(toy.model(), train, [callback], epochs=2)
    assert train.training_set.num_examples == 72


def test_folds_hold_out_every_example_once_and_lose_none():
    train = gb.make_training_dataset(gb.Examples(*toy.arrays()), batch_size=16)
    callback = gb.GradientBlending(train, super_epochs=None, folds=4)
    toy.fit(toy.model(), train, [callback], epochs=2)
    (estimate,) = callback.estimates
    assert estimate.num_holdout == 96
    assert estimate.num_passes == 8
    assert train.training_set.num_examples == 96


def test_folds_of_the_user_are_taken_as_they_are():
    x, y = toy.arrays()
    groups = np.repeat([5, 6, 7], 32)
    folds = gb.fold_indices(y, folds=3, groups=groups)
    train = gb.make_training_dataset(gb.Examples(x, y), batch_size=16)
    callback = gb.GradientBlending(train, super_epochs=None, folds=folds)
    toy.fit(toy.model(), train, [callback], epochs=1)
    assert callback.estimates[0].num_passes == 6


def test_bootstrapped_weights_stay_within_their_interval():
    train, holdout = split()
    settings = gb.BlendSettings(weights_from="bootstrap")
    callback = gb.GradientBlending(
        train, holdout, super_epochs=(1, 1), settings=settings
    )
    toy.fit(toy.model(), train, [callback], epochs=1)
    estimate = callback.estimates[0]
    assert sum(estimate.weights.values()) == pytest.approx(1)
    for head, (low, high) in estimate.intervals.items():
        assert low <= estimate.weights[head] <= high


def test_accuracy_can_be_measured_instead_of_loss():
    train, holdout = split()
    settings = gb.BlendSettings(measure="accuracy")
    callback = gb.GradientBlending(
        train, holdout, super_epochs=(2, 2), settings=settings
    )
    toy.fit(toy.model(), train, [callback], epochs=2)
    gained = callback.estimates[0].generalization["joint"]
    assert -1 <= gained <= 1
    # 24 examples are right or wrong: G is a multiple of 1/24.
    assert gained * 24 == pytest.approx(round(gained * 24), abs=1e-6)


def test_keras_callbacks_work_beside_it(tmp_path):
    x, y = toy.arrays()
    train, holdout = split()
    best = tmp_path / "best.keras"
    model = toy.model()
    history = toy.fit(
        model,
        train,
        [
            keras.callbacks.EarlyStopping("val_joint_accuracy", patience=9),
            keras.callbacks.ModelCheckpoint(
                best, monitor="val_joint_accuracy", save_best_only=True
            ),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=1),
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.05),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            gb.GradientBlending(train, holdout, super_epochs=(2, 1)),
        ],
        epochs=3,
        validation_data=(x, y),
    )
    scores = history.history["val_joint_accuracy"]
    logs = keras.models.load_model(best).evaluate(
        x, y, verbose=0, return_dict=True
    )
    assert logs["joint_accuracy"] == pytest.approx(max(scores), abs=1e-6)
    assert len(history.history["loss"]) == 3
    assert "blend_weight_m0" in (tmp_path / "log.csv").read_text()


def test_early_stopping_stops_the_training_not_the_estimate():
    train, holdout = split()
    # The loss falls, so waiting for it to rise ends in the second epoch.
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=0)
    callback = gb.GradientBlending(train, holdout, super_epochs=(3, 3))
    history = toy.fit(toy.model(), train, [stop, callback], epochs=6)
    assert history.epoch == [0, 1]
    assert [each.num_epochs for each in callback.estimates] == [3]


def test_weights_and_ogr_reach_tensorboard(tmp_path):
    train, holdout = split()
    toy.fit(
        toy.model(),
        train,
        [
            gb.GradientBlending(train, holdout, super_epochs=(1, 1)),
            keras.callbacks.TensorBoard(tmp_path),
        ],
        epochs=2,
    )
    found = [
        value
        for path in tmp_path.rglob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    tags = {each.tag for each in found}
    assert {"epoch_blend_weight_joint", "epoch_ogr_m0"} <= tags
    texts = sorted(
        tf.make_ndarray(each.tensor).ravel()[0].decode()
        for each in found
        if each.tag == "blend"
    )
    assert len(texts) == 2
    for epoch, text in enumerate(texts):
        assert f"Blend at epoch {epoch}" in text and "OGR" in text


def test_verbose_fit_prints_one_line_a_head(capsys):
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    toy.model().fit(train, epochs=1, verbose=2, callbacks=[callback])
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if "Blend at" in line)
    heads = [line.split()[0] for line in lines[start + 1 : start + 4]]
    assert heads == ["m0", "m1", "joint"]
    assert max(map(len, lines[start : start + 4])) <= 80


def test_history_file_spares_a_repeated_estimate(tmp_path):
    path = tmp_path / "blend_history.json"

    def run():
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        train, holdout = split()
        callback = gb.GradientBlending(
            train, holdout, super_epochs=(1, 1), history_path=path
        )
        toy.fit(toy.model(), train, [callback], epochs=2)
        return callback.estimates

    first = run()
    entries = json.loads(path.read_text())
    assert [entry["epoch"] for entry in entries] == [0, 1]
    assert {"weights", "generalisation", "overfitting"} <= set(entries[0])
    second = run()
    # Seconds are measured; equal ones were read, not estimated again.
    assert [each.seconds for each in second] == [each.seconds for each in first]


def test_history_of_another_model_is_not_believed(tmp_path):
    path = tmp_path / "blend_history.json"
    for seed in (1, 2):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        train, holdout = split()
        callback = gb.GradientBlending(
            train, holdout, super_epochs=(1, 1), history_path=path
        )
        toy.fit(toy.model(), train, [callback], epochs=1)
        found = callback.estimates[0].generalization["joint"]
        if seed == 1:
            first = found
    assert found != first


def test_damaged_history_is_refused(tmp_path):
    path = tmp_path / "blend_history.json"
    path.write_text("[{")
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout, history_path=path)
    with pytest.raises(ValueError, match="Remove the file to estimate anew."):
        toy.fit(toy.model(), train, [callback])


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({}, "Use `split_holdout` for a holdout."),
        ({"folds": 3, "super_epochs": (2, 1)}, "Use a holdout."),
        ({"holdout": 1, "super_epochs": (0, 5)}, "The paper uses"),
    ],
)
def test_arguments_that_exclude_each_other_are_refused(arguments, advice):
    train, _ = split()
    with pytest.raises(ValueError, match=advice):
        gb.GradientBlending(train, **arguments)


def test_plain_model_is_refused():
    train, holdout = split()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    callback = gb.GradientBlending(train, holdout)
    with pytest.raises(TypeError, match="Wrap the network"):
        model.fit(np.ones((4, 6)), np.ones((4, 3)), callbacks=[callback])


def test_joint_head_may_have_a_floor_of_its_own():
    train, holdout = split()
    settings = gb.BlendSettings(weight_floor=0.0, joint_floor=0.6)
    callback = gb.GradientBlending(
        train, holdout, super_epochs=None, settings=settings
    )
    weights = callback.estimate(toy.model(), num_epochs=1).weights
    assert weights["joint"] >= 0.6 / 1.6
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "floors",
    [{"weight_floor": 0.4}, {"joint_floor": 0.85, "weight_floor": 0.1}],
)
def test_floor_too_large_for_the_heads_is_refused_before_training(floors):
    train, holdout = split()
    callback = gb.GradientBlending(
        train, holdout, settings=gb.BlendSettings(**floors)
    )
    with pytest.raises(ValueError, match="Choose a smaller floor."):
        toy.fit(toy.model(), train, [callback])


def test_endless_training_set_needs_a_sample():
    x, y = toy.arrays()
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat()
    with pytest.raises(ValueError, match="Pass `train_sample`."):
        gb.GradientBlending(endless, toy.arrays(num_examples=12))


def test_endless_training_set_trains_with_steps_and_a_sample():
    x, y = toy.arrays()
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat()
    held = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).take(2)
    callback = gb.GradientBlending(
        endless, held, super_epochs=(1, 1), train_sample=held
    )
    toy.model().fit(
        endless,
        epochs=2,
        steps_per_epoch=3,
        shuffle=False,
        verbose=0,
        callbacks=[callback],
    )
    assert callback.estimates[0].examples_trained == 2 * 3 * 8


@pytest.mark.parametrize(
    ("optimizer", "warned"),
    [(keras.optimizers.Adam, True), (keras.optimizers.SGD, False)],
)
def test_optimizer_that_undoes_the_weights_is_warned_of(
    optimizer, warned, caplog
):
    train, holdout = split()
    callback = gb.GradientBlending(train, holdout, super_epochs=(1, 1))
    model = toy.model(optimizer=optimizer(0.01))
    with caplog.at_level("WARNING", logger="absl"):
        toy.fit(model, train, [callback], epochs=1)
    assert ("Use SGD with momentum." in caplog.text) == warned


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, "adam"])
def test_blend_changes_what_is_learned_with_sgd_and_with_adam(optimizer):
    def trained(weights):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(1)
        made = (
            keras.optimizers.Adam(0.01)
            if optimizer == "adam"
            else optimizer(0.05)
        )
        model = toy.model(optimizer=made)
        model.assign_blend_weights(weights)
        train, _ = split()
        toy.fit(model, train, epochs=1)
        tower = model.network.get_layer("m0_tower")
        return tower.trainable_variables[0].numpy()

    heavy = trained({"m0": 0.8, "m1": 0.1, "joint": 0.1})
    light = trained({"m0": 0.1, "m1": 0.8, "joint": 0.1})
    assert not np.allclose(heavy, light, atol=1e-4)
