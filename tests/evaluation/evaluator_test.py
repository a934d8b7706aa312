"""One call from a model to every number, and the files that hold them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.answers import pool
from gblend_keras.blending import isolated_heads
from gblend_keras.data import datasets
from gblend_keras.evaluation import evaluator
from gblend_keras.evaluation import text_tables
from tests import toy

NUM_EXAMPLES = 23


@pytest.fixture(scope="module")
def trained_weights():
    keras.utils.set_random_seed(0)
    trained = toy.model()
    x, y = toy.arrays()
    toy.fit(trained, x, y=y, epochs=4)
    return trained.get_weights()


@pytest.fixture
def model(trained_weights):
    trained = toy.model()
    trained.set_weights(trained_weights)
    return trained


def examples(num_examples=NUM_EXAMPLES):
    return gb.Examples(*toy.arrays(num_examples=num_examples, seed=1))


def run(model, data, *, options=None, **arguments):
    chosen = evaluator.Options(**options or {})
    return evaluator.evaluate_model(model, data, options=chosen, **arguments)


def close(one, other):
    """Says if two reports are equal, numbers to 1e-6."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            close(one[key], other[key]) for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float):
        return one == pytest.approx(other, abs=1e-6)
    return one == other


@pytest.mark.parametrize("batch_size", [1, 2, 7, 22, 24, 1000])
def test_results_do_not_depend_on_the_batch_size(model, batch_size):
    expected = run(model, examples(), options={"batch_size": 23})
    found = run(model, examples(), options={"batch_size": batch_size})
    assert found.report["counts"]["examples"] == NUM_EXAMPLES
    assert close(found.report, expected.report)
    for name, values in expected.probabilities.items():
        np.testing.assert_allclose(found.probabilities[name], values, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_stream_gives_what_arrays_give(model, batch_size):
    stream = datasets.make_dataset(examples(), batch_size=batch_size)
    found = run(model, stream)
    assert len(found.y) == NUM_EXAMPLES
    assert close(found.report, run(model, examples()).report)


def test_accuracies_are_those_of_keras(model):
    data = examples()
    found = run(model, data).heads
    logs = model.evaluate(data.x, data.y, verbose=0, return_dict=True)
    for head in ("m0", "m1", "joint", "blend"):
        assert found[head]["top1"] == pytest.approx(logs[f"{head}_accuracy"])


def test_answers_are_means_of_heads(model):
    data = examples()
    found = run(model, data).probabilities
    predicted = model.predict(data.x, verbose=0)
    assert list(found) == [
        "m0",
        "m1",
        "ensemble",
        "joint",
        "blend",
        "pool",
    ]
    np.testing.assert_allclose(
        found["ensemble"], (predicted["m0"] + predicted["m1"]) / 2, atol=1e-6
    )
    np.testing.assert_allclose(found["blend"], predicted["blend"], atol=1e-6)
    np.testing.assert_allclose(
        found["pool"], model.predict_available(data.x), atol=1e-6
    )


def test_subsets_are_what_the_model_predicts_from_them(model):
    data = examples()
    found = run(model, data).report["modalities"]
    assert [each["modalities"] for each in found["subsets"]] == [
        ["m0"],
        ["m1"],
        ["m0", "m1"],
    ]
    for each in found["subsets"]:
        x = {name: data.x[name] for name in each["modalities"]}
        right = model.predict_available(x).argmax(axis=1) == data.y
        assert each["score"] == pytest.approx(right.mean())
    assert found["empty"] == pytest.approx(1 / 3)
    total = found["subsets"][-1]["score"] - found["empty"]
    assert sum(found["shapley"].values()) == pytest.approx(total)
    report = run(model, data, options={"subsets": False}).report
    assert "modalities" not in report


def test_subsets_of_heads_that_read_everything_fill_what_is_absent(model):
    isolated_heads.isolate(model, ["joint"])  # as after plain joint training
    data = examples()
    found = run(model, data).report["modalities"]["subsets"]
    blank = {"m0": data.x["m0"], "m1": np.zeros_like(data.x["m1"])}
    predicted = model.predict(blank, verbose=0)["joint"]
    right = predicted.argmax(axis=1) == data.y
    assert found[0]["score"] == pytest.approx(right.mean())


def test_gains_are_those_over_the_best_modality(model):
    report = run(model, examples(), class_names=["x", "y", "z"]).report
    gains = report["gains"]
    heads = report["heads"]
    best = max(("m0", "m1"), key=lambda head: heads[head]["top1"])
    assert gains["best_modality"] == best
    expected = [
        a - b
        for a, b in zip(
            heads["joint"]["class_accuracy"],
            heads[best]["class_accuracy"],
            strict=True,
        )
    ]
    assert gains["joint"]["gains"] == pytest.approx(expected)
    for name, gain in gains["joint"]["improved"]:
        assert gain == pytest.approx(expected["xyz".index(name)])
        assert gain > 0


def test_confusion_counts_every_example(model):
    report = run(model, examples()).report
    counts = np.array(report["confusion"]["joint"])
    assert counts.sum() == NUM_EXAMPLES
    assert counts.sum(axis=1).tolist() == [8, 8, 7]  # 23 labels in turn
    share = np.trace(counts) / NUM_EXAMPLES
    assert report["heads"]["joint"]["top1"] == pytest.approx(share)


def test_views_are_averaged_before_they_are_scored(model):
    data = examples(24)
    videos = np.array([f"v{row % 12}" for row in range(24)])
    found = run(model, data, videos=videos, options={"batch_size": 5})
    single = run(model, data)
    means = {
        name: (values[:12] + values[12:]) / 2
        for name, values in single.probabilities.items()
    }
    exponents = dict.fromkeys(model.head_names, 0.5)  # a sum of 1.5
    means["pool"] = pool.pooled_from(means, exponents, multi_label=False)
    for name, expected in means.items():
        np.testing.assert_allclose(
            found.probabilities[name], expected, atol=1e-6
        )
        assert found.heads[name]["clip_top1"] == pytest.approx(
            single.heads[name]["top1"]
        )
    assert found.keys.tolist() == [f"v{row}" for row in range(12)]
    counts = found.report["counts"]
    assert (counts["examples"], counts["views"]) == (12, 24)
    assert (counts["fewest_views"], counts["most_views"]) == (2, 2)
    assert "clip_top1 %" in text_tables.text_table(found.report)


def multi_label_model():
    blended = toy.model(multi_label=True)
    x, y = toy.arrays()
    toy.fit(blended, x, y=np.eye(3, dtype=np.float32)[y], epochs=2)
    return blended


def test_multi_label_sets_are_scored_by_precision():
    x, y = toy.arrays(num_examples=20, seed=1)
    hot = np.eye(3, dtype=np.float32)[y]
    hot[::3, 0] = 1  # some with two classes
    found = run(multi_label_model(), gb.Examples(x, hot))
    report = found.report
    assert report["metric"] == report["modalities"]["metric"] == "mAP"
    assert report["confusion"] is None
    joint = report["heads"]["joint"]
    assert joint["top1"] is None and joint["class_accuracy"] is None
    assert 0 < joint["mAP"] <= 1 and 0 < joint["mAUC"] <= 1
    full = report["modalities"]["subsets"][-1]["score"]
    assert full == pytest.approx(report["heads"]["pool"]["mAP"])
    # The mean share of positives, of a constant answer.
    assert report["modalities"]["empty"] == pytest.approx(hot.mean())
    assert "mAP" in text_tables.text_table(report)


def test_multi_label_views_are_averaged():
    x, y = toy.arrays(num_examples=12, seed=1)
    hot = np.eye(3, dtype=np.float32)[y]
    videos = np.arange(12) % 6
    found = run(multi_label_model(), gb.Examples(x, hot), videos=videos)
    assert found.y.shape == (6, 3)
    assert "clip_top1" not in found.heads["joint"]
    own = {head: found.probabilities[head] for head in ("m0", "m1", "joint")}
    expected = pool.pooled_from(own, dict.fromkeys(own, 0.5), multi_label=True)
    np.testing.assert_allclose(found.probabilities["pool"], expected, atol=1e-6)


def test_one_hot_labels_count_like_integers(model):
    data = examples()
    model.compile("sgd", loss="categorical_crossentropy")
    hot = gb.Examples(data.x, np.eye(3)[data.y])
    expected = run(model, data).report
    assert close(run(model, hot).report, expected)


def test_class_without_an_example_is_left_out_and_counted(model):
    data = examples()
    rest = data.take(np.flatnonzero(data.y != 1))
    report = run(model, rest).report
    assert report["counts"]["classes_without_positive"] == 1
    assert report["heads"]["joint"]["class_accuracy"][1] is None
    assert report["gains"]["joint"]["gains"][1] is None
    assert "(1 without an example)" in text_tables.text_table(report)


def test_files_hold_what_was_found(model, tmp_path):
    keys = [f"clip-{row}" for row in range(NUM_EXAMPLES)]
    found = run(model, examples(), keys=keys)
    found.save(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"evaluation.json", "predictions.npz"}
    text = (tmp_path / "out" / "evaluation.json").read_text()
    report = json.loads(text)
    assert report == found.report
    assert report["format"] == 1
    assert report["versions"]["keras"] == keras.version()
    assert report["command"]
    with np.load(
        tmp_path / "out" / "predictions.npz", allow_pickle=False
    ) as stored:
        assert stored["key"].tolist() == keys
        np.testing.assert_array_equal(stored["y"], examples().y)
        for name, values in found.probabilities.items():
            np.testing.assert_array_equal(
                stored[f"probabilities_{name}"], values
            )


def test_failed_write_leaves_the_old_files(model, tmp_path, monkeypatch):
    found = run(model, examples())
    found.save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        found.save(tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_table_names_every_answer(model):
    lines = text_tables.text_table(run(model, examples()).report).splitlines()
    assert lines[0] == "23 examples, 3 classes:"
    for name in ("m0", "ensemble", "joint", "blend", "pool"):
        assert any(line.startswith(f"  {name} ") for line in lines)
    assert any("m0 + m1" in line for line in lines)
    assert max(map(len, lines)) <= 110


def test_evaluating_leaves_no_trace(model):
    before = toy.state(model)
    run(model, examples())
    toy.assert_state(model, before)


def test_answer_that_is_not_a_number_is_refused(model):
    model.network.get_layer("m1_head").bias.assign([0.0, np.nan, 0.0])
    with pytest.raises(FloatingPointError, match="weights and the inputs."):
        run(model, examples())


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"class_names": ["x"]}, "in the order of the labels."),
        ({"keys": ["x"]}, "or leave them out with `videos`."),
        ({"videos": ["a"]}, "in the order of the data."),
        ({"videos": ["a"] * 50}, "in the order of the data."),
        ({"videos": ["a"] * 23}, "ids of their own."),
        ({"options": {"batch_size": 0}}, "Use 32, say."),
    ],
)
def test_arguments_that_do_not_fit_are_refused(model, arguments, advice):
    with pytest.raises(ValueError, match=advice):
        run(model, examples(), **arguments)


def test_data_that_does_not_fit_is_refused(model):
    data = examples()
    stream = datasets.make_dataset(data)
    with pytest.raises(ValueError, match="Leave out `.repeat\\(\\)`."):
        run(model, stream.repeat())
    with pytest.raises(ValueError, match="Check the files it reads."):
        run(model, stream.take(0))
    with pytest.raises(ValueError, match="Rename the data's keys"):
        run(model, data.select(("m0",)))
    with pytest.raises(ValueError, match="mend the labels."):
        run(model, gb.Examples(data.x, data.y + 1))
    with pytest.raises(TypeError, match="Turn it into one of these."):
        run(model, (data.x, data.y))
    with pytest.raises(TypeError, match="in BlendedModel."):
        run(model.network, data)


def test_dataset_of_unknown_length_is_read_to_its_end(model):
    stream = datasets.make_dataset(examples(), batch_size=4)
    unknown = stream.filter(lambda x, y: tf.constant(True))
    assert len(run(model, unknown).y) == NUM_EXAMPLES
