"""Networks of keras.applications as towers."""

import keras
import numpy as np
import pytest

from gblend_keras.towers import application
from tests.towers import contracts


@pytest.mark.large
def test_tower_keeps_the_contract(tmp_path):
    keras.utils.set_random_seed(1)
    contracts.check_tower(
        lambda: application.build_application((33, 35, 3), "MobileNetV2"),
        tmp_path,
    )


def test_application_preprocesses_pixels_itself():
    tower = application.build_application((32, 32, 3), "MobileNetV2")
    plain = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    plain.set_weights(tower.get_weights())
    x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    expected = plain((x / 127.5 - 1).astype("float32"))
    np.testing.assert_allclose(
        tower(x.astype("float32")), expected, rtol=1e-4, atol=1e-5
    )


def test_every_application_of_keras_is_known():
    names = application.application_names()
    assert {"ResNet50", "EfficientNetB0", "MobileNetV3Small"} <= set(names)


def test_frozen_application_has_nothing_to_train():
    tower = application.build_application(
        (32, 32, 3), "MobileNetV2", trainable=False
    )
    assert not tower.trainable_variables


def test_unknown_application_is_refused():
    with pytest.raises(ValueError, match="Choose one of these"):
        application.build_application(application="ResNet51")
