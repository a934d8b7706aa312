"""Exported files: run by their own runtimes, equal to Keras, or refused."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.export import _formats
from gblend_keras.export import _signatures
from gblend_keras.export import exporter
from tests import toy

X, Y = toy.arrays(num_examples=12)


def model(**options):
    """An untrained model whose towers standardise their inputs."""
    towers = {
        name: gb.build_mlp(
            values.shape[1:],
            widths=(8,),
            preprocessing=gb.building.standardization("channel", values),
            name=f"{name}_tower",
        )
        for name, values in X.items()
    }
    return gb.BlendedModel(gb.late_fusion(towers, 3), **options)


def calibrated():
    """As after `calibrate`: uneven exponents, others for absent modalities."""
    found = model()
    found.pool.assign(
        {("m0", "m1"): [0.2, 1.1, 0.6], ("m0",): [0.7, 0, 0]}
        | {("m1",): [0, 1.3, 0]}
    )
    return found


def joint_alone():
    """As after plain joint training: other heads are not trained."""
    found = model()
    found.assign_blend_weights({"m0": 0.0, "m1": 0.0, "joint": 1.0})
    return found


def run(path, signature, x, file_format="savedmodel"):
    loaded = _formats.formats()[file_format].load(path)
    return loaded(signature, x)


def test_saved_model_answers_as_keras_does(tmp_path):
    source = calibrated()
    path = tmp_path / "exported"
    exported = gb.export_model(source, path, class_names=("a", "b", "c"))
    assert exported.largest_difference < 1e-5
    expected = source.predict(X, verbose=0)
    found = run(path, "serving_default", X)
    assert set(found) == {f"{head}_probabilities" for head in expected}
    for head, values in expected.items():
        np.testing.assert_allclose(
            found[f"{head}_probabilities"], values, atol=1e-6
        )
    contract = json.loads((tmp_path / "exported.json").read_text())
    assert contract["class_names"] == ["a", "b", "c"]
    assert contract["signatures"]["m0"] == {
        "inputs": {"m0": [["batch", 6], "float32"]},
        "outputs": ["probabilities"],
    }
    assert {each.name for each in tmp_path.iterdir()} == {
        "exported",
        "exported.json",
    }


@pytest.mark.parametrize("make", [model, calibrated, joint_alone])
def test_absent_modalities_have_signatures(tmp_path, make):
    source = make()
    gb.export_model(source, tmp_path / "exported")
    for present in (["m0"], ["m1"], ["m0", "m1"]):
        x = {name: X[name] for name in present}
        found = run(tmp_path / "exported", "_".join(present), x)
        np.testing.assert_allclose(
            found["probabilities"], source.predict_available(x), atol=1e-6
        )


def test_litert_runs_every_signature(tmp_path):
    pytest.importorskip("ai_edge_litert")
    source = calibrated()
    path = tmp_path / "model.tflite"
    exported = gb.export_model(source, path, format="tflite")
    assert set(exported.signatures) == {"serving_default", "m0", "m1", "m0_m1"}
    expected = source.predict(X, verbose=0)
    found = run(path, "serving_default", X, "tflite")
    for answer in ("blend", "pool"):
        np.testing.assert_allclose(
            found[f"{answer}_probabilities"], expected[answer], atol=1e-5
        )
    only = {"m1": X["m1"]}
    np.testing.assert_allclose(
        run(path, "m1", only, "tflite")["probabilities"],
        source.predict_available(only),
        atol=1e-5,
    )
    assert {each.name for each in tmp_path.iterdir()} == {
        "model.tflite",
        "model.tflite.json",
    }


def test_onnx_runtime_runs_the_network_and_a_subset(tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    source = calibrated()
    whole, part = tmp_path / "whole.onnx", tmp_path / "part.onnx"
    gb.export_model(source, whole, format="onnx")
    found = run(whole, "", X, "onnx")
    for head, values in source.predict(X, verbose=0).items():
        np.testing.assert_allclose(
            found[f"{head}_probabilities"], values, atol=1e-5
        )
    gb.export_model(source, part, format="onnx", modalities=["m1"])
    only = {"m1": X["m1"]}
    np.testing.assert_allclose(
        run(part, "", only, "onnx")["probabilities"],
        source.predict_available(only),
        atol=1e-5,
    )


@pytest.mark.parametrize("head", ["joint", "blend", "m1"])
def test_one_head_reads_only_what_it_needs(tmp_path, head):
    source = model()
    exported = gb.export_model(source, tmp_path / "exported", head=head)
    assert list(exported.signatures) == ["serving_default"]
    needed = ["m1"] if head == "m1" else ["m0", "m1"]
    signature = exported.signatures["serving_default"]
    assert list(signature["inputs"]) == needed
    x = {name: X[name] for name in needed}
    found = run(tmp_path / "exported", "serving_default", x)
    np.testing.assert_allclose(
        found[f"{head}_probabilities"],
        source.predict(X, verbose=0)[head],
        atol=1e-6,
    )


def test_multi_label_probabilities_are_sigmoids(tmp_path):
    source = model(multi_label=True)
    gb.export_model(source, tmp_path / "exported", head="m0")
    found = run(tmp_path / "exported", "serving_default", {"m0": X["m0"]})
    np.testing.assert_allclose(
        found["m0_probabilities"],
        source.predict(X, verbose=0)["m0"],
        atol=1e-6,
    )


def test_untrained_heads_are_left_out(tmp_path):
    exported = gb.export_model(joint_alone(), tmp_path / "exported")
    outputs = exported.signatures["serving_default"]["outputs"]
    assert outputs == ["joint_probabilities"]
    for head in ("m0", "blend"):
        with pytest.raises(ValueError, match="Choose a trained head"):
            gb.export_model(joint_alone(), tmp_path / "other", head=head)


def test_random_examples_look_like_the_training_set():
    x = _signatures.random_examples(model(), 4000)
    for name, values in X.items():
        np.testing.assert_allclose(
            x[name].mean(axis=0),
            np.full(values.shape[1], values.mean(axis=0)),
            atol=0.2,
        )


def test_random_examples_have_the_type_of_the_input():
    inputs = {
        "bytes": keras.Input((4,), dtype="uint8"),
        "tokens": keras.Input((None,), dtype="int32"),
    }
    towers = {
        "bytes": keras.Model(
            inputs["bytes"],
            keras.layers.Rescaling(1 / 255)(inputs["bytes"]),
            name="bytes_tower",
        ),
        "tokens": keras.Sequential(
            [
                inputs["tokens"],
                keras.layers.Embedding(5, 3),
                keras.layers.GlobalAveragePooling1D(),
            ],
            name="tokens_tower",
        ),
    }
    found = gb.BlendedModel(gb.late_fusion(towers, 2))
    x = _signatures.random_examples(found, 2)
    assert x["bytes"].dtype == np.uint8 and x["bytes"].max() > 1
    assert x["tokens"].shape == (2, _signatures.UNKNOWN_SIZE)
    assert set(np.unique(x["tokens"])) == {0, 1}


class Altered:
    """A format whose files answer otherwise than the network."""

    suffix = ""
    many = True

    def __init__(self, change):
        self._plain = _formats.SavedModel()
        self._change = change

    def write(self, program, path):
        self._plain.write(program, path)

    def load(self, path):
        plain = self._plain.load(path)
        return lambda name, x: {
            key: value + self._change for key, value in plain(name, x).items()
        }


@pytest.mark.parametrize("change", [1e-2, np.nan])
def test_file_that_answers_otherwise_is_not_left(tmp_path, monkeypatch, change):
    monkeypatch.setattr(
        _formats, "formats", lambda: {"savedmodel": Altered(change)}
    )
    with pytest.raises(ValueError, match="report the network's towers"):
        gb.export_model(model(), tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


def test_operation_that_litert_skips_is_noticed(tmp_path):
    pytest.importorskip("ai_edge_litert")
    inputs = keras.Input((6,))
    x = keras.layers.Lambda(tf.math.lgamma, output_shape=(6,))(inputs)
    towers = {"m0": keras.Model(inputs, x, name="m0_tower")}
    found = gb.BlendedModel(gb.late_fusion(towers, 2))
    with pytest.raises(ValueError, match="Export it"):
        gb.export_model(found, tmp_path / "model.tflite", format="tflite")
    assert list(tmp_path.iterdir()) == []


class Refusing(Altered):
    """A format that lacks an operation."""

    def __init__(self):
        super().__init__(0.0)

    def write(self, program, path):
        path.mkdir()
        raise RuntimeError("Lgamma is unknown.\nAnd more.")


def test_operation_that_the_format_lacks_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(_formats, "formats", lambda: {"savedmodel": Refusing()})
    with pytest.raises(ValueError, match="Export it as savedmodel") as caught:
        gb.export_model(model(), tmp_path / "exported")
    assert "RuntimeError: Lgamma is unknown. " in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"format": "pickle"}, "Choose one of them."),
        ({"format": "onnx"}, "Rename it."),
        ({"head": "m7"}, "Choose one of them."),
        ({"modalities": ["m7"]}, "A head always reads the same modalities."),
        (
            {"modalities": ["m0"], "head": "joint"},
            "A head always reads the same modalities.",
        ),
        ({"class_names": ["a"]}, "Pass one name a class, or none."),
        ({"examples": {"m0": X["m0"]}}, "m1"),
    ],
)
def test_wrong_argument_is_refused_before_any_work(tmp_path, options, advice):
    with pytest.raises(ValueError, match=advice):
        gb.export_model(model(), tmp_path / "exported", **options)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="`out` cannot be written"):
        gb.export_model(model(), tmp_path / "file" / "exported")


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "exported").mkdir()
    with pytest.raises(ValueError, match="Remove it, or choose another."):
        gb.export_model(model(), tmp_path / "exported")


def test_sets_of_modalities_with_one_name_are_refused():
    towers = {name: toy.tower(name, 6) for name in ("a", "b", "a_b")}
    found = gb.BlendedModel(gb.late_fusion(towers, 2))
    with pytest.raises(ValueError, match="Export them one by one"):
        _signatures.signatures(found)


def test_source_is_a_run_or_a_file(tmp_path):
    model().save(tmp_path / "model.keras")
    _, names = exporter.load_source(tmp_path / "model.keras")
    assert names == ()
    with pytest.raises(ValueError, match="run that has ended"):
        exporter.load_source(tmp_path)


def test_text_needs_examples():
    inputs = keras.Input((1,), dtype="string")
    x = keras.layers.Hashing(4, output_mode="one_hot")(inputs)
    towers = {"words": keras.Model(inputs, x, name="words_tower")}
    found = gb.BlendedModel(gb.late_fusion(towers, 2))
    with pytest.raises(ValueError, match="Pass `examples`."):
        _signatures.random_examples(found, 1)
