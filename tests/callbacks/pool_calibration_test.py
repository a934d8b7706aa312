"""CalibratePool: exponents from validation data, when training ends."""

import keras
import numpy as np
import pytest

import gblend_keras as gb
from tests import toy


def part(rows):
    x, y = toy.arrays(num_examples=110)
    return {name: values[rows] for name, values in x.items()}, y[rows]


VALID = part(slice(60, None))


def fitted(*callbacks, model=None):
    keras.utils.set_random_seed(0)
    model = model or toy.model()
    x, y = part(slice(60))
    toy.fit(model, x, y=y, epochs=3, callbacks=list(callbacks))
    return model


def test_calibrates_what_training_has_come_to():
    last = gb.callbacks.CalibratePool(*VALID, verbose=False)
    model = fitted(last)
    expected = fitted()
    found = expected.calibrate(*VALID)
    assert model.pool.is_set
    assert last.calibration == found
    for head, exponent in model.pool.exponents(model.head_names).items():
        assert exponent == pytest.approx(found.exponents[head])


def test_dataset_serves_and_what_came_of_it_is_said(capsys):
    data = gb.make_dataset(gb.Examples(*VALID))
    fitted(gb.callbacks.CalibratePool(data))
    assert "Pool calibrated on 50 examples" in capsys.readouterr().out


def test_calibrates_what_early_stopping_restores():
    """Put last, it sees the weights that are kept."""
    restores = keras.callbacks.EarlyStopping(
        monitor="joint_loss", mode="max", restore_best_weights=True
    )
    last = gb.callbacks.CalibratePool(*VALID, verbose=False)
    model = fitted(restores, last)
    assert last.calibration == model.calibrate(*VALID)


def test_averaged_weights_are_calibrated():
    model = toy.model()
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    last = gb.callbacks.CalibratePool(*VALID, verbose=False)
    fitted(last, model=model)
    assert last.calibration == model.calibrate(*VALID)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": np.zeros(3)}, "Pass the group of each example"),
        ({"sample_weight": np.zeros(10)}, "positive weight"),
        ({"x": None, "y": None, "groups": [1]}, "needs arrays"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(change, said):
    x, y = toy.arrays(num_examples=10)
    with pytest.raises(ValueError, match=said):
        gb.callbacks.CalibratePool(**({"x": x, "y": y} | change))


def test_examples_that_do_not_suit_the_model_stop_it_before_training():
    x, y = toy.arrays(num_examples=10)
    del x["m1"]
    with pytest.raises(ValueError, match="m1"):
        fitted(gb.callbacks.CalibratePool(x, y))
