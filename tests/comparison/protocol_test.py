"""The protocol, with trainings whose results are given."""

import gblend_keras as gb
from gblend_keras.comparison import _tasks
from gblend_keras.training import failures
from gblend_keras.utils import files
from tests.comparison.conftest import plain
from tests.comparison.conftest import row_of


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


def test_damaged_failure_is_no_reason_to_skip_a_run(compare, tmp_path):
    folder = tmp_path / "all" / "joint" / "seed-0"
    files.write_text(folder / failures.FAILURE, "{")
    _, done = compare(plain, methods=["joint"], seeds=[0])
    assert done == [("joint", "seed-0")]
    assert not (folder / failures.FAILURE).exists()
