"""Towers of TensorFlow Hub, on SavedModels of the same signatures."""

import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.towers import hub_media
from gblend_keras.zoo import importer

SPEC = tf.TensorSpec


class Yamnet(tf.Module):
    """One waveform in; scores, rows of features and a spectrogram out."""

    @tf.function(input_signature=[SPEC((None,), tf.float32)])
    def __call__(self, waveform):
        rows = tf.reshape(waveform, (-1, 4))
        features = tf.tile(rows, (1, 256))
        return rows[:, :1], features, rows


class Vggish(tf.Module):
    """One waveform in, rows of features out."""

    @tf.function(input_signature=[SPEC((None,), tf.float32)])
    def __call__(self, waveform):
        return tf.tile(tf.reshape(waveform, (-1, 4)), (1, 32))


class Clips(tf.Module):
    """Clips in, one vector an example out, under a signature."""

    def __init__(self, num_classes, argument, output):
        super().__init__()
        self.scale = tf.Variable(2.0)
        names = {argument: SPEC((None, None, None, None, 3), tf.float32)}

        def signature(**inputs):
            mean = tf.reduce_mean(inputs[argument], axis=(1, 2, 3, 4))
            return {output: self.scale * mean[:, None] * tf.ones(num_classes)}

        self.function = tf.function(signature).get_concrete_function(
            **{name: spec for name, spec in names.items()}
        )


def save(module, folder, signatures=None):
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


@pytest.fixture
def archive(tmp_path):
    """Imports a SavedModel as an entry, out of an archive."""

    def archive(name, module, signatures=None):
        folder = save(module, tmp_path / "saved", signatures)
        file = tmp_path / f"{name}.tar.gz"
        with tarfile.open(file, "w:gz") as packed:
            for path in folder.iterdir():
                packed.add(path, path.name)
        importer.import_file(gb.zoo.entry(name), file)
        return file

    return archive


@pytest.mark.parametrize(
    ("name", "module", "num_features"),
    [("hub_yamnet", Yamnet, 1024), ("hub_vggish", Vggish, 128)],
)
def test_sound_gives_the_mean_of_its_rows(archive, name, module, num_features):
    archive(name, module())
    tower = gb.zoo.tower(name, "audio")
    waves = np.arange(16, dtype=np.float32).reshape(2, 8)
    # By hand: rows (0 1 2 3), (4 5 6 7) -> means 2 3 4 5; then 10 11 12 13.
    found = keras.ops.convert_to_numpy(tower(waves))
    assert found.shape == (2, num_features)
    np.testing.assert_allclose(found[:, :4], [[2, 3, 4, 5], [10, 11, 12, 13]])
    assert not tower.trainable_variables
    np.testing.assert_allclose(tower.predict(waves, verbose=0), found)


@pytest.mark.parametrize(
    ("name", "num_classes", "argument", "signature", "output", "size"),
    [
        *(
            (f"hub_movinet_a{n}", 600, "image", "serving_default",
             "classifier_head", size)
            for n, size in enumerate((172, 172, 224, 256, 290, 320))
        ),
        ("hub_i3d", 400, "rgb_input", "default", "default", 224),
    ],
)  # fmt: skip
def test_clips_give_logits(
    archive, name, num_classes, argument, signature, output, size
):
    module = Clips(num_classes, argument, output)
    archive(name, module, {signature: module.function})
    tower = gb.zoo.tower(name, "rgb")
    assert tower.input.shape == (None, None, size, size, 3)
    clip = np.full((1, 1, size, size, 3), 0.25, np.float32)
    found = keras.ops.convert_to_numpy(tower(clip))
    np.testing.assert_allclose(found, np.full((1, num_classes), 0.5))


def test_tower_serves_in_a_network_that_is_saved(archive, tmp_path):
    archive("hub_vggish", Vggish())
    other = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4)], name="other_tower"
    )
    towers = {"audio": gb.zoo.tower("hub_vggish", "audio"), "other": other}
    model = gb.BlendedModel(gb.late_fusion(towers, 3, hidden_units=4))
    model.compile("sgd")
    x = {"audio": np.ones((6, 8)), "other": np.ones((6, 3))}
    model.fit(x, np.arange(6) % 3, verbose=0)
    model.save(tmp_path / "net.keras")
    again = gb.runs.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(
        again.predict(x, verbose=0)["joint"],
        model.predict(x, verbose=0)["joint"],
        rtol=1e-6,
    )


def test_imported_model_that_was_altered_is_refused(archive, tmp_path):
    archive("hub_vggish", Vggish())
    (path,) = (tmp_path / "cache").rglob("saved_model.pb")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"import hub_vggish FILE` again\.$"):
        gb.zoo.tower("hub_vggish", "audio")


def test_hub_entry_has_no_heads():
    with pytest.raises(ValueError, match=r"gb\.zoo\.tower\('hub_yamnet', 'a"):
        gb.zoo.load("hub_yamnet")


def test_hub_is_asked_for_the_handle_otherwise(monkeypatch, tmp_path):
    folder = save(Vggish(), tmp_path / "saved")
    asked = []

    def resolve(handle):
        asked.append(handle)
        return str(folder)

    monkeypatch.setattr(hub_media.hub, "resolve_handle", resolve)
    tower = gb.zoo.tower("hub_vggish", "audio")
    assert asked == ["https://tfhub.dev/google/vggish/1"]
    assert tower.output.shape == (None, 128)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"endpoint": "serve"}, "or '' where it can be called"),
        ({"output": "7"}, r"Choose one of these\.$"),
        ({"output": ""}, r"Choose one of these\.$"),
        ({"output": "features"}, r"Choose one of these\.$"),
    ],
)
def test_wrong_outputs_are_named(tmp_path, options, sentence):
    folder = save(Yamnet(), tmp_path / "saved")
    arguments = {"output": "1", "num_features": 1024, "one_by_one": True}
    with pytest.raises(ValueError, match=sentence):
        hub_media.build_hub_media(
            (None,), str(folder), **{**arguments, **options}
        )


def test_another_number_of_features_is_refused(tmp_path):
    folder = save(Yamnet(), tmp_path / "saved")
    with pytest.raises(ValueError, match=r"or correct `num_features`\.$"):
        hub_media.build_hub_media(
            (None,), str(folder), output="1", num_features=7, one_by_one=True
        )
