"""PointNet, Transformer, applications and Hub towers."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.towers import application
from gblend_keras.towers import hub
from gblend_keras.towers import pointnet
from gblend_keras.towers import transformer
from tests.towers import contracts

SIZE = transformer.TransformerSize(num_blocks=1, width=8, num_heads=2)
SMALL = {
    "pointnet": lambda: pointnet.build_pointnet((7, 3), num_features=16),
    "pointnet_colours": lambda: pointnet.build_pointnet((1, 6)),
    "pointnet_plain": lambda: pointnet.build_pointnet((5, 3), align=False),
    "tokens": lambda: transformer.build_transformer(
        (5,), SIZE, vocabulary_size=9
    ),
    "vectors": lambda: transformer.build_transformer((3, 7), SIZE),
    "application": lambda: application.build_application(
        (33, 35, 3), "MobileNetV2"
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.large if name == "application" else ()
        )
        for name in SMALL
    ],
)
def test_tower_keeps_the_contract(name, tmp_path):
    keras.utils.set_random_seed(1)
    contracts.check_tower(SMALL[name], tmp_path)


def test_order_of_points_does_not_matter():
    tower = pointnet.build_pointnet((9, 3), num_features=16)
    x = contracts.example(tower, 2)
    np.testing.assert_allclose(tower(x), tower(x[:, ::-1]), atol=1e-5)


def test_pointnet_aligns_by_the_identity_at_first():
    aligned = pointnet.build_pointnet((9, 3), num_features=16)
    plain = pointnet.build_pointnet((9, 3), num_features=16, align=False)
    for layer in plain.layers:
        layer.set_weights(aligned.get_layer(layer.name).get_weights())
    x = contracts.example(aligned, 2)
    np.testing.assert_allclose(aligned(x), plain(x), atol=1e-5)


def test_orthogonality_by_hand():
    # A = I + [[1, 0], [0, 0]] = diag(2, 1): I - A A^T = diag(-3, 0), squared 9;
    # the second matrix is the identity itself: 0. Mean 4.5, times 0.1.
    change = np.zeros((2, 2, 2), "float32")
    change[0, 0, 0] = 1.0
    penalty = pointnet.Orthogonality(0.1)(tf.constant(change))
    np.testing.assert_allclose(penalty, 0.45, rtol=1e-6)


def test_pointnet_has_the_published_size():
    # Qi et al., Table 6: 3.5 M with the classifier 1024 - 512 - 256 - 40, and
    # 0.8 M without the alignments.
    head = 1024 * 512 + 512 * 256 + 256 * 40
    for align, millions in ((True, 3.5), (False, 0.8)):
        tower = pointnet.build_pointnet((1024, 3), align=align)
        count = (tower.count_params() + head) / 1e6
        assert round(count, 1) == millions


def test_padding_changes_nothing():
    tower = transformer.build_transformer((6,), SIZE, vocabulary_size=9)
    short = transformer.build_transformer((3,), SIZE, vocabulary_size=9)
    weights = tower.get_weights()
    index = [v.path for v in tower.variables].index(
        "text_tower/position_embedding/embeddings"
    )
    weights[index] = weights[index][:3]
    short.set_weights(weights)
    x = np.array([[3, 1, 2, 0, 0, 0]], "int32")
    np.testing.assert_allclose(tower(x), short(x[:, :3]), rtol=1e-4, atol=1e-5)


def test_padded_vectors_change_nothing():
    tower = transformer.build_transformer((4, 3), SIZE)
    x = contracts.example(tower, 1)
    x[:, 2:] = 0
    x_long = np.array(x)
    x_long[:, 3] = 1e-3  # no longer padding: it must count
    assert np.max(np.abs(tower(x) - tower(x_long))) > 1e-3


def test_sequence_of_padding_alone_gives_zeros():
    tower = transformer.build_transformer((4,), SIZE, vocabulary_size=9)
    np.testing.assert_array_equal(tower(np.zeros((2, 4), "int32")), 0)


def test_order_of_tokens_matters():
    tower = transformer.build_transformer((3,), SIZE, vocabulary_size=9)
    x = np.array([[1, 2, 3]], "int32")
    assert np.max(np.abs(tower(x) - tower(x[:, ::-1]))) > 1e-3


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


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pointnet.build_pointnet((8, 2)), "coordinates first"),
        (
            lambda: transformer.build_transformer((8,)),
            "fix the number of positions",
        ),
        (
            lambda: transformer.TransformerSize(width=10, num_heads=3),
            "Change one of them",
        ),
        (
            lambda: application.build_application(application="ResNet51"),
            "Choose one of these",
        ),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
