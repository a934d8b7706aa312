"""Towers out of a SavedModel, as those of TensorFlow Hub."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.towers import hub
from tests.towers import contracts


class Doubler(tf.Module):
    """A reusable SavedModel: `x @ w`, with `w` twice the identity."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(2.0 * tf.eye(3), name="w")

    @tf.function
    def __call__(self, x, training=False):
        return tf.matmul(x, self.w)

    @tf.function
    def sequence(self, x):
        return tf.matmul(x, self.w)[:, None]

    @tf.function
    def both(self, x):
        return {"once": x, "twice": tf.matmul(x, self.w)}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("hub") / "doubler")
    module = Doubler()
    spec = tf.TensorSpec((None, 3))
    for training in (False, True):
        module.__call__.get_concrete_function(spec, training=training)
    tf.saved_model.save(
        module,
        folder,
        signatures={
            "both": module.both.get_concrete_function(spec),
            "sequence": module.sequence.get_concrete_function(spec),
        },
    )
    return folder


def test_hub_tower_keeps_the_contract(saved_model, tmp_path):
    def build():
        return hub.build_hub((3,), saved_model, trainable=True)

    contracts.check_tower(build, tmp_path)
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(build()(x), 2 * x)


def test_frozen_hub_tower_trains_nothing(saved_model):
    tower = hub.build_hub((3,), saved_model)
    assert not tower.trainable_variables and len(tower.variables) == 1


def test_trained_hub_weights_are_saved_with_the_handle(saved_model, tmp_path):
    tower = hub.build_hub((3,), saved_model, trainable=True)
    tower.trainable_variables[0].assign(5.0 * np.eye(3))
    tower.save(tmp_path / "tower.keras")
    again = keras.saving.load_model(tmp_path / "tower.keras")
    x = np.ones((1, 3), "float32")
    np.testing.assert_allclose(again(x), 5 * x)
    assert again.get_layer("features").handle == saved_model


def test_hub_signature_with_several_outputs_needs_a_key(saved_model):
    tower = hub.build_hub(
        (3,), saved_model, endpoint="both", output_key="twice"
    )
    np.testing.assert_allclose(tower(np.ones((1, 3), "float32")), 2.0)
    with pytest.raises(ValueError, match="Choose one of these"):
        hub.build_hub((3,), saved_model, endpoint="both")


def test_hub_output_must_be_a_vector(saved_model):
    with pytest.raises(ValueError, match="Choose another `endpoint`"):
        hub.build_hub((3,), saved_model, endpoint="sequence")


def test_handle_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Check the path"):
        hub.build_hub((3,), str(tmp_path))


def test_unknown_hub_handle_is_refused():
    pytest.importorskip("tensorflow_hub")
    with pytest.raises(ValueError, match="or give a folder"):
        hub.resolve_handle("nowhere://not/a/handle")


def test_missing_tensorflow_hub_gets_a_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(ImportError, match="pip install"):
        hub.resolve_handle("https://tfhub.dev/google/some/1")
