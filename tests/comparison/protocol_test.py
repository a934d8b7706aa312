"""The protocol, with trainings whose results are given."""

import csv
import json

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.comparison import _tasks
from gblend_keras.training import failures
from gblend_keras.training import trainer
from gblend_keras.utils import files
from tests import toy

HEADS = {"modalities": ["m0", "m1"], "joint": ["joint"]}


class Trainings:
    """Stands for `training.train`: results come from a function.

    Args:
        accuracy: `(method, seed, settings of the run) -> accuracy`, or raises.
    """

    def __init__(self, accuracy):
        self.accuracy = accuracy
        self.done = []

    def __call__(self, recipe, run):
        path = run.workdir / "summary.json"
        if path.exists():
            return json.loads(path.read_text())
        self.done.append((run.blend, run.workdir.name))
        with failures.recorded(run.workdir):
            return self._train(recipe, run)

    def _train(self, recipe, run):
        final = self.accuracy(run.blend, run.seed, recipe)
        answers = ("m0", "m1", "ensemble", "joint", "blend")
        # The accuracy peaks in epoch 1, at 0.05 above the last one.
        rows = [
            ["epoch", *[f"val_{answer}_accuracy" for answer in answers]],
            *[
                [epoch, *[final + more] * len(answers)]
                for epoch, more in enumerate((-0.1, 0.05, 0.0))
            ],
        ]
        lines = [",".join(map(str, row)) for row in rows]
        files.write_text(run.workdir / "metrics.csv", "\n".join(lines))
        summary = {
            "accuracy": dict.fromkeys(answers, final),
            "answering_heads": HEADS.get(run.blend, ["m0", "m1", "joint"]),
            "num_evaluated": 100,
            "seconds": 20.0 if run.blend == "offline" else 10.0,
            "examples_trained": 300 if run.blend == "offline" else 100,
            "examples_trained_in_estimates": 0,
            "seconds_in_estimates": 0.0,
            "blend_weights": {"m0": 0.5, "m1": 0.5, "joint": 0.0},
        }
        files.write_json(run.workdir / "summary.json", summary)
        return summary


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=90)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"), [f"data.path={tmp_path / 'toy.npz'}"]
    )


@pytest.fixture
def compare(recipe, tmp_path, monkeypatch):
    """Compares trainings whose accuracy a function gives."""

    def run_comparison(accuracy, *, settings=(), **arguments):
        trainings = Trainings(accuracy)
        with monkeypatch.context() as patch:
            patch.setattr(trainer, "train", trainings)
            # Half a second each, and there is nothing to clear.
            patch.setattr(keras.backend, "clear_session", lambda: None)
            found = gb.comparison.compare(
                gb.config.with_settings(recipe, list(settings)),
                trainer.Run(workdir=tmp_path / "all", verbose=False),
                **arguments,
            )
        return found, trainings.done

    return run_comparison


def plain(method, seed, recipe):
    """Joint 0.50, 0.52, 0.54; offline better by 0.10, 0.12, 0.14."""
    base = 0.5 + 0.02 * seed
    return base + (0.1 + 0.02 * seed if method == "offline" else 0.0)


def row_of(comparison, method, answer):
    (row,) = [
        row
        for row in comparison["rows"]
        if (row["method"], row["answer"]) == (method, answer)
    ]
    return row


def test_each_method_answers_with_what_it_trained(compare):
    comparison, _ = compare(
        plain, methods=["modalities", "joint", "offline", "m1"], seeds=[0]
    )
    found = [(row["method"], row["answer"]) for row in comparison["rows"]]
    heads = [("modalities", "m0"), ("modalities", "m1")]
    assert found[:3] == [*heads, ("modalities", "ensemble")]
    assert found[3:6] == [
        ("joint", "joint"),
        ("offline", "joint"),
        ("offline", "blend"),
    ]


def test_rows_have_differences_and_costs_against_joint(compare):
    comparison, _ = compare(plain, methods=["joint", "offline"], seeds=range(3))
    joint = row_of(comparison, "joint", "joint")
    assert joint["mean"] == pytest.approx(0.52)
    assert joint["deviation"] == pytest.approx(0.02)
    assert joint["difference"] is None
    assert joint["relative_seconds"] == 1
    offline = row_of(comparison, "offline", "joint")
    assert offline["difference"]["mean"] == pytest.approx(0.12)
    assert offline["difference"]["deviation"] == pytest.approx(0.02)
    # Two rows are compared, both with the same p: Holm doubles it.
    p_value = offline["difference"]["p_value"]
    assert 0 < p_value < 0.05
    assert offline["difference"]["p_holm"] == pytest.approx(2 * p_value)
    assert offline["relative_seconds"] == pytest.approx(2.0)
    assert offline["relative_examples_trained"] == pytest.approx(3.0)


def test_without_joint_nothing_is_compared(compare):
    comparison, _ = compare(plain, methods=["offline"], seeds=range(2))
    for row in comparison["rows"]:
        assert row["difference"] is None and row["relative_seconds"] is None
    assert "to joint" not in gb.comparison.text_table(comparison)


def test_finished_runs_are_reused_and_seeds_and_methods_can_be_added(compare):
    first, done = compare(plain, methods=["joint"], seeds=range(2))
    assert done == [("joint", "seed-0"), ("joint", "seed-1")]
    again, done = compare(plain, methods=["joint"], seeds=range(2))
    assert done == []
    assert again["rows"] == first["rows"]
    _, done = compare(plain, methods=["joint", "offline"], seeds=range(3))
    assert done == [
        ("offline", "seed-0"),
        ("offline", "seed-1"),
        ("joint", "seed-2"),
        ("offline", "seed-2"),
    ]


def test_every_method_gets_the_same_tries_on_validation_data(compare):
    seen = []

    def record(method, seed, recipe):
        settings = (recipe.train.learning_rate, recipe.train.weight_decay)
        seen.append((recipe.data.evaluate_on, method, settings))
        return 0.5

    compare(record, methods=["joint", "offline"], seeds=[0], tune=3)
    tries = [each for each in seen if each[0] == "validation"]
    assert len(tries) == 6
    by_method = {
        name: [each[2] for each in tries if each[1] == name]
        for name in ("joint", "offline")
    }
    assert by_method["joint"] == by_method["offline"]
    assert by_method["joint"][0] == (0.02, 0.0)
    # Nothing was better than the recipe's values, so the test runs have them.
    tested = [each for each in seen if each[0] == "test"]
    assert [each[2] for each in tested] == [(0.02, 0.0)] * 2


def test_tuned_values_are_the_validation_split_s_best_for_each_method(compare):
    def accuracy(method, seed, recipe):
        rate = recipe.train.learning_rate
        if recipe.data.evaluate_on == "test":
            return 0.9 if rate == 0.02 else 0.3  # must not be looked at
        return 0.5 - rate if method == "joint" else 0.5 + rate

    comparison, _ = compare(
        accuracy, methods=["joint", "offline"], seeds=[0], tune=6
    )
    tuned = comparison["tuning"]
    rates = [each["learning_rate"] for each in tuned["joint"]["tries"]]
    assert tuned["joint"]["chosen"]["learning_rate"] == min(rates)
    assert tuned["offline"]["chosen"]["learning_rate"] == max(rates)
    assert row_of(comparison, "joint", "joint")["mean"] == 0.3
    text = gb.comparison.text_table(comparison)
    assert f"Tuned joint: learning rate {min(rates):g}" in text


def test_selected_epoch_comes_from_the_validation_run(compare):
    comparison, _ = compare(
        plain, methods=["joint", "modalities"], seeds=range(2), tune=1
    )
    for name, answer in (("joint", "joint"), ("modalities", "ensemble")):
        selected = row_of(comparison, name, answer)["selected"]
        assert selected["epoch"] == 1
        # Epoch 1 is 0.05 above the last one: 0.55 and 0.57.
        assert selected["mean"] == pytest.approx(0.56)
    assert "(epoch 2)" in gb.comparison.markdown_table(comparison)


def test_without_tuning_no_epoch_is_selected(compare):
    comparison, _ = compare(plain, methods=["joint"], seeds=[0])
    assert row_of(comparison, "joint", "joint")["selected"] is None
    text = gb.comparison.text_table(comparison)
    assert "selected" not in text
    assert "--tune=N would choose them" in text


def diverging(method, seed, recipe):
    if (method, seed) == ("offline", 1):
        raise FloatingPointError("The loss is not finite.")
    return plain(method, seed, recipe)


def test_failed_run_is_shown_and_stops_no_other(compare, tmp_path):
    comparison, done = compare(
        diverging, methods=["offline", "joint"], seeds=range(3)
    )
    assert len(done) == 6
    offline = row_of(comparison, "offline", "joint")
    assert offline["failed_seeds"] == ["1"]
    assert offline["num_runs"] == 2
    assert offline["difference"]["num_pairs"] == 2
    assert comparison["failures"] == [
        {
            "method": "offline",
            "run": "seed 1",
            "error": "FloatingPointError",
            "reason": "The loss is not finite.",
        }
    ]
    text = gb.comparison.text_table(comparison)
    assert "(2/3)" in text
    assert "FAILED: offline, seed 1: FloatingPointError: The loss" in text
    log = (tmp_path / "all" / "offline" / "seed-1" / _tasks.LOG).read_text()
    assert "Traceback" in log


def test_long_message_becomes_one_short_line(compare):
    def fail(method, seed, recipe):
        raise RuntimeError("first line\n" + "more " * 200)

    comparison, _ = compare(fail, methods=["joint"], seeds=[0])
    assert len(comparison["failures"][0]["reason"]) > 1000
    lines = gb.comparison.text_table(comparison).splitlines()
    (note,) = [line for line in lines if line.startswith("FAILED")]
    assert "first line more more" in note and note.endswith("...")
    assert len(note) < 350


def test_divergence_is_not_repeated_but_other_failures_are(compare):
    compare(diverging, methods=["offline"], seeds=range(2))
    comparison, done = compare(plain, methods=["offline"], seeds=range(2))
    assert done == []
    assert row_of(comparison, "offline", "joint")["failed_seeds"] == ["1"]

    def no_memory(method, seed, recipe):
        if method == "joint":
            raise MemoryError("no memory")
        return plain(method, seed, recipe)

    comparison, _ = compare(no_memory, methods=["joint"], seeds=[0])
    assert comparison["failures"][0]["error"] == "MemoryError"
    comparison, done = compare(plain, methods=["joint"], seeds=[0])
    assert done == [("joint", "seed-0")]
    assert comparison["failures"] == []


def test_method_of_which_every_try_fails_is_shown_as_failed(compare):
    def accuracy(method, seed, recipe):
        if method == "offline":
            raise FloatingPointError("Diverged.")
        return plain(method, seed, recipe)

    comparison, done = compare(
        accuracy, methods=["joint", "offline"], seeds=[0], tune=2
    )
    assert ("offline", "seed-0") not in done
    failed = row_of(comparison, "offline", "")
    assert failed["num_runs"] == 0 and failed["mean"] is None
    text = gb.comparison.text_table(comparison)
    assert "Tuned offline: every try failed." in text
    (line,) = [each for each in text.splitlines() if each[:7] == "offline"]
    assert line.split()[:3] == ["offline", "-", "failed"]


def test_nothing_finished_still_makes_a_table(compare):
    def fail(method, seed, recipe):
        raise FloatingPointError("Diverged.")

    comparison, _ = compare(fail, methods=["joint"], seeds=range(2))
    assert "No run has finished." in gb.comparison.text_table(comparison)


def test_all_files_are_written_and_say_the_same(compare, tmp_path):
    comparison, _ = compare(plain, methods=["joint", "offline"], seeds=range(3))
    folder = tmp_path / "all"
    stored = json.loads((folder / "comparison.json").read_text())
    assert stored == json.loads(json.dumps(comparison))
    assert stored["format"] == 1
    assert stored["seeds"] == [0, 1, 2]
    assert set(stored["versions"]) >= {"keras", "tensorflow", "scipy"}
    with (folder / "comparison.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["answer"] for row in rows] == ["joint", "joint", "blend"]
    assert float(rows[1]["difference"]) == pytest.approx(0.12)
    markdown = (folder / "comparison.md").read_text().splitlines()
    assert markdown[3].startswith("| offline | joint | 64.0 ± 4.0 |")
    latex = (folder / "comparison.tex").read_text()
    assert r"offline & joint & 64.0 $\pm$ 4.0 &" in latex
    assert r"accuracy \%" in latex


def test_names_are_escaped_for_latex(compare):
    comparison, _ = compare(plain, methods=["joint"], seeds=[0])
    comparison["rows"][0]["method"] = r"a_b & 50%\x"
    latex = gb.comparison.latex_table(comparison)
    assert r"a\_b \& 50\%\textbackslash{}x & joint" in latex


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"methods": ["joint", "offlin"]}, "Correct the names."),
        ({"methods": []}, "Leave out the repeated ones."),
        ({"seeds": [1, 1]}, "Leave out the repeated ones."),
        ({"tune": -1}, "Choose a value inside."),
        ({"jobs": 0}, "Choose a value inside."),
        ({"test": "z"}, "Choose one of them."),
        (
            {"tune": 2, "settings": ["data.evaluate_on=validation"]},
            "Leave out --tune, or that setting.",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_any_training(
    compare, arguments, advice
):
    ran = []
    with pytest.raises(ValueError, match=advice):
        compare(lambda *each: ran.append(each) or 0.5, **arguments)
    assert ran == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tune": 2}, "another tune. "),
        (
            {"settings": ["train.epochs=5"]},
            r"another recipe \(train.epochs is 30, not 5\). ",
        ),
    ],
)
def test_folder_of_another_comparison_is_refused(compare, changed, said):
    compare(plain, methods=["joint"], seeds=[0])
    with pytest.raises(ValueError, match=f"{said}Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0], **changed)


def test_comparison_of_an_earlier_version_goes_on(compare, tmp_path):
    compare(plain, methods=["joint"], seeds=[0])
    path = tmp_path / "all" / "protocol.json"
    protocol = json.loads(path.read_text())
    del protocol["recipe"]["train"]["nesterov"]  # came later
    files.write_json(path, protocol)
    _, done = compare(plain, methods=["joint"], seeds=[0, 1])
    assert done == [("joint", "seed-1")]


def test_protocol_with_a_setting_that_is_not_known_is_refused(
    compare, tmp_path
):
    compare(plain, methods=["joint"], seeds=[0])
    path = tmp_path / "all" / "protocol.json"
    protocol = json.loads(path.read_text())
    protocol["recipe"]["blend"]["of_tomorrow"] = 1
    files.write_json(path, protocol)
    with pytest.raises(ValueError, match="of_tomorrow.*Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0])


def test_folder_of_a_single_run_is_refused(compare, tmp_path):
    files.write_json(tmp_path / "all" / "recipe.json", {"format": 1})
    with pytest.raises(ValueError, match="Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0])


def test_damaged_protocol_is_refused(compare, tmp_path):
    files.write_text(tmp_path / "all" / "protocol.json", "{")
    with pytest.raises(ValueError, match="Choose another folder."):
        compare(plain, methods=["joint"], seeds=[0])


def test_damaged_failure_is_no_reason_to_skip_a_run(compare, tmp_path):
    folder = tmp_path / "all" / "joint" / "seed-0"
    files.write_text(folder / failures.FAILURE, "{")
    _, done = compare(plain, methods=["joint"], seeds=[0])
    assert done == [("joint", "seed-0")]
    assert not (folder / failures.FAILURE).exists()
