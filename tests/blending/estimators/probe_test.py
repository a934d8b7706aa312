"""The probe: cheap, without a trace, and never worse than equal weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import estimate_progress
from gblend_keras.blending.estimators import probe
from gblend_keras.utils import state_files
from tests import toy
from tests.blending.estimates import ThrowAway


def split(num_modalities=2, **arguments):
    return gb.split_holdout(
        toy.arrays(num_modalities, num_examples=192, noise=2.0),
        0.25,
        batch_size=16,
        **arguments,
    )


def probed(model, data, *, epochs=16, share=1 / 8, options=(), **arguments):
    """The estimate of a seeded training."""
    estimator = gb.blending.Probe(share=share, **dict(options))
    callback = gb.GradientBlending(data, super_epochs=None, estimator=estimator)
    toy.fit(model, data, [callback], epochs=epochs, **arguments)
    return callback.estimates[0]


def seeded(**arguments):
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    return toy.model(**arguments)


def overfitting_model(*, learning_rate=0.02, loss_scale=None):
    """A model with a tower that can learn the noise by heart."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    towers = {
        "m0": toy.tower("m0", 6, units=4),
        "m1": toy.tower("m1", 200, units=200),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, toy.NUM_CLASSES))
    model.compile(
        keras.optimizers.SGD(learning_rate, momentum=0.9), loss_scale=loss_scale
    )
    return model


def overfitting_data(seed=0):
    x, y = toy.arrays(1, num_examples=160, seed=seed)
    rng = np.random.default_rng(seed)
    x["m1"] = rng.normal(size=(160, 200)).astype(np.float32)
    return gb.split_holdout((x, y), 0.3, seed=0, batch_size=16)


def test_weight_goes_to_what_generalises_and_proves_itself():
    estimate = probed(overfitting_model(), overfitting_data(), epochs=32)
    assert estimate.weights["m1"] < 0.05 < estimate.weights["m0"]
    assert estimate.proof.passed
    better = [
        estimate.proof.weighted_loss[answer] < loss
        for answer, loss in estimate.proof.equal_loss.items()
    ]
    assert any(better)
    assert "times its gain" in estimate.summary()
    *_, proved, pool = estimate.verdict()
    assert proved.endswith("nats): used.")
    assert pool.startswith("The pool's exponents, from what G and O say of")
    # a_h = 1.5 F_h / sum F,  F = (G**2 + e**2/4) / (G**2 + O+**2 + e**2/4)
    shares = {}
    for head in ("m0", "m1", "joint"):
        gained = max(estimate.generalization[head], 0) ** 2
        gained += estimate.overfitting_error[head] ** 2 / 4
        added = max(estimate.overfitting[head], 0) ** 2
        shares[head] = gained / (gained + added)
    powers = estimate.pool[0]["exponents"]
    for head, share in shares.items():
        expected = 1.5 * share / sum(shares.values())
        assert powers[head] == pytest.approx(expected)
    without = estimate.pool[1]  # a modality is absent, and so is the joint head
    assert without["exponents"] == {without["modalities"][0]: 1.0}
    assert powers["m1"] < 0.5 * powers["m0"]


def test_weights_that_prove_no_better_are_not_used(monkeypatch):
    wrong = np.array([0.01, 0.97, 0.02])
    monkeypatch.setattr(
        probe.ogr, "share_weights", lambda *_, **__: (wrong, wrong[None])
    )
    estimate = probed(overfitting_model(), overfitting_data(), epochs=32)
    assert not estimate.proof.passed
    assert set(estimate.weights.values()) == {1 / 3}
    assert estimate.proof.weights["m1"] == 0.97
    assert "equal weights are used, nothing is lost" in estimate.summary()


def test_weights_are_proved_as_fast_as_equal_ones_trained():
    following, fixed = overfitting_model(), overfitting_model(loss_scale=1.5)
    assert following.loss_scale == 1.5  # of three equal weights
    estimates = [
        probed(model, overfitting_data(), epochs=16)
        for model in (following, fixed)
    ]
    assert estimates[0].proof == estimates[1].proof
    assert estimates[0].proof.passed
    assert following.loss_scale < 1.4


def test_weights_that_make_training_diverge_are_not_used(monkeypatch):
    def tried(weights):
        found = np.array(weights)
        monkeypatch.setattr(
            probe.ogr, "share_weights", lambda *_, **__: (found, found[None])
        )
        model = overfitting_model()
        return probed(model, overfitting_data(), epochs=16), toy.state(model)

    estimate, state = tried([0.01, 1e30, 0.02])
    assert not estimate.proof.passed
    assert estimate.proof.weighted_loss == {}
    assert "diverged: equal weights are used" in estimate.summary()
    assert set(estimate.weights.values()) == {1 / 3}
    harmless, same_state = tried([0.01, 0.97, 0.02])  # do not pass either
    assert not harmless.proof.passed
    for one, other in zip(state, same_state, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_may_be_used_without_proof():
    proved, estimate = (
        probed(
            overfitting_model(),
            overfitting_data(),
            epochs=32,
            options={"prove": prove},
        )
        for prove in (True, False)
    )
    assert estimate.proof is None
    assert estimate.num_passes == 1
    assert estimate.weights == proved.proof.weights


def test_power_of_nothing_is_equal_weights():
    estimate = probed(
        overfitting_model(), overfitting_data(), options={"power": 0}
    )
    assert set(estimate.proof.weights.values()) == {1 / 3}


def test_cost_is_two_passes_of_the_share():
    data = split()
    estimate = probed(toy.model(), data, epochs=16, share=1 / 8)
    assert estimate.num_passes == 2
    assert estimate.examples_trained == 2 * 2 * 144  # 2 of 16 epochs
    assert estimate.examples_measured == 48 * (2 + 2 + 1)
    assert estimate.probe == "2 epochs"
    assert estimate.num_epochs == 16


def test_probe_may_be_a_part_of_an_epoch():
    estimate = probed(toy.model(), split(), epochs=4, share=1 / 8)
    assert estimate.probe == "5 steps"  # of nine, half an epoch
    assert estimate.examples_trained == 2 * 5 * 16
    one = probed(toy.model(), split(), epochs=1, share=1 / 16)
    assert one.examples_trained == 2 * 16


def test_training_set_may_be_smaller_than_a_batch():
    data = gb.split_holdout(toy.arrays(num_examples=12), 0.5, batch_size=64)
    estimate = probed(toy.model(), data, epochs=8)
    assert estimate.examples_trained == 2 * 6


@pytest.mark.parametrize("share", [1 / 16, 1 / 2])
def test_probe_leaves_no_trace_in_training(share):
    def trained(estimated):
        model = seeded(dropout=0.3, norm=True)
        data = split()
        callback = ThrowAway(
            data,
            super_epochs=(2, 2),
            estimator=gb.blending.Probe(
                gb.BlendSettings(return_holdout=False), share=share
            ),
        )
        history = toy.fit(model, data, [callback] * estimated, epochs=4)
        return toy.state(model), history.history["loss"]

    plain, plain_loss = trained(estimated=False)
    after, after_loss = trained(estimated=True)
    assert after_loss == plain_loss
    for one, other in zip(plain, after, strict=True):
        np.testing.assert_array_equal(one, other)


class Killed(BaseException):
    """Stands for a SIGKILL."""


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_killed_probe_goes_on_inside(tmp_path, monkeypatch, number):
    monkeypatch.setattr(estimate_progress, "SHARE", 1e9)

    def run(path):
        model = seeded(dropout=0.3, norm=True)
        data = split()
        callback = gb.GradientBlending(
            data, super_epochs=None, estimator="probe", history_path=path
        )
        toy.fit(model, data, [callback], epochs=16)
        return callback.estimates[0], toy.state(model)

    whole, state = run(None)
    path = tmp_path / "blend_history.json"
    original, calls = state_files.write, []

    def write(*arguments):
        original(*arguments)
        calls.append(1)
        if len(calls) == number:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(state_files, "write", write)
        with pytest.raises(Killed):
            run(path)
    found, after = run(path)
    assert found.weights == whole.weights
    assert found.proof == whole.proof
    assert found.examples_trained == whole.examples_trained
    assert found.examples_measured == whole.examples_measured
    for one, other in zip(state, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_history_file_brings_the_proof_back(tmp_path):
    path = tmp_path / "blend_history.json"

    def run():
        model, data = seeded(), split()
        callback = gb.GradientBlending(
            data, super_epochs=None, estimator="probe", history_path=path
        )
        toy.fit(model, data, [callback], epochs=2)
        return callback.estimates[0]

    first, second = run(), run()
    assert second.proof == first.proof
    assert second.estimator == "probe"


def test_many_labels_sample_weights_and_class_weights():
    x, y = toy.arrays(num_examples=96)
    hot = np.eye(toy.NUM_CLASSES, dtype=np.float32)[y]
    weight = np.linspace(0.5, 1.5, 96).astype(np.float32)
    data = gb.split_holdout((x, hot, weight), 0.25, batch_size=16)
    estimate = probed(toy.model(multi_label=True), data, epochs=8)
    assert estimate.proof.equal_loss["joint"] > 0
    data = gb.split_holdout((x, y), 0.25, batch_size=16)
    weighted = probed(
        seeded(), data, epochs=8, class_weight={0: 1.0, 1: 4.0, 2: 1.0}
    )
    data = gb.split_holdout((x, y), 0.25, batch_size=16)
    plain = probed(seeded(), data, epochs=8)
    assert weighted.generalization != plain.generalization


def test_dataset_of_the_user_with_steps():
    x, y = toy.arrays()
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).repeat()
    held = tf.data.Dataset.from_tensor_slices((x, y)).batch(8).take(2)
    callback = gb.GradientBlending(
        endless,
        held,
        super_epochs=None,
        train_sample=held,
        estimator=gb.blending.Probe(share=1 / 4),
    )
    toy.model().fit(
        endless,
        epochs=2,
        steps_per_epoch=6,
        shuffle=False,
        verbose=0,
        callbacks=[callback],
    )
    assert callback.estimates[0].probe == "3 steps"


def test_towers_that_share_variables_and_frozen_ones():
    keras.utils.set_random_seed(1)
    shared = keras.layers.Dense(8, activation="relu")
    towers = {}
    for name in ("left", "right"):
        inputs = keras.Input((6,))
        towers[name] = keras.Model(inputs, shared(inputs), name=f"{name}_tower")
    frozen = toy.tower("m0", 6)
    frozen.trainable = False
    towers["still"] = frozen
    model = gb.BlendedModel(gb.late_fusion(towers, toy.NUM_CLASSES))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    x, y = toy.arrays(1)
    data = gb.split_holdout(
        ({name: x["m0"] for name in towers}, y), 0.25, batch_size=16
    )
    estimate = probed(model, data, epochs=8)
    assert estimate.num_passes == 2
    assert sum(estimate.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("num_modalities", [1, 5])
def test_any_number_of_modalities(num_modalities):
    data = split(num_modalities)
    estimate = probed(toy.model(num_modalities), data, epochs=8)
    assert len(estimate.weights) == num_modalities + 1


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        estimate = probed(seeded(), split(), epochs=8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(estimate.proof.equal_loss["log_mean"])


def test_folds_are_pooled():
    data = gb.make_training_dataset(
        gb.Examples(*toy.arrays(num_examples=60)), batch_size=16
    )
    callback = gb.GradientBlending(
        data, super_epochs=None, folds=3, estimator="probe"
    )
    toy.fit(toy.model(), data, [callback], epochs=8)
    (estimate,) = callback.estimates
    assert estimate.num_holdout == 60
    assert estimate.num_passes == 6


def test_errors_of_the_proof_are_taken_by_group():
    x, y = toy.arrays(num_examples=96)
    people = np.arange(96) // 3 % 8
    data = gb.split_holdout((x, y), 0.4, groups=people, batch_size=16)
    estimate = probed(toy.model(), data, epochs=8)
    assert estimate.num_groups == 3
    assert "in 3 groups" in estimate.summary()


def test_holdout_of_one_group_or_less_than_the_classes_works():
    x, y = toy.arrays(num_examples=96)
    data = gb.split_holdout(
        (x, y), 0.5, groups=np.arange(96) // 48, batch_size=16
    )
    assert probed(toy.model(), data, epochs=8).num_groups == 1
    held = ({name: value[:2] for name, value in x.items()}, y[:2])
    data = gb.make_training_dataset(gb.Examples(x, y), batch_size=16).dataset
    callback = gb.GradientBlending(
        data, held, super_epochs=None, estimator="probe"
    )
    toy.fit(toy.model(), data, [callback], epochs=2, shuffle=False)
    assert callback.estimates[0].num_holdout == 2


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: gb.blending.Probe(share=0), "1/20 costs a tenth"),
        (lambda: gb.blending.Probe(power=-1), "`power` is out of range"),
        (
            lambda: gb.blending.Probe(gb.BlendSettings(measure="accuracy")),
            "or use the paper's estimator",
        ),
        (
            lambda: gb.GradientBlending(split(), estimator="prob"),
            "Did you mean probe",
        ),
        (
            lambda: gb.GradientBlending(split(), estimator=""),
            "`estimator` names none",
        ),
        (
            lambda: gb.GradientBlending(
                split(),
                estimator=gb.blending.Probe(),
                settings=gb.BlendSettings(),
            ),
            "Give the settings to the estimator",
        ),
    ],
)
def test_what_does_not_suit_a_probe_is_refused(make, advice):
    with pytest.raises(ValueError, match=advice):
        make()


def test_something_else_is_no_estimator():
    with pytest.raises(TypeError, match="`estimator` is none"):
        gb.GradientBlending(split(), estimator=3)
