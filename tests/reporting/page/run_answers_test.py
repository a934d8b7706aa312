"""Reliability on the page of a run."""

import pytest

from gblend_keras.reporting import run_data
from gblend_keras.reporting.page import run_answers
from tests.reporting import folders_of

BINS = {
    "num_forecasts": [0, 1, 3],
    "confidence": [None, 0.5, 0.9],
    "accuracy": [None, 0.4, 0.95],
}


@pytest.fixture
def run(tmp_path):
    folders_of.write_run(tmp_path / "run", names=("cat", "dog", "eel"))
    return run_data.read_run(tmp_path / "run")


def trusted(run, answers):
    for answer in answers:
        scores = {"nll": 0.5, "ece": 0.123, "reliability": BINS}
        run.evaluation["heads"].setdefault(answer, {}).update(scores)
    return run


def test_answers_and_what_equal_exponents_would_do_are_shown(run):
    run.summary["accuracy"]["pool"] = 0.7
    trusted(run, ["joint", "blend", "pool"])
    run.evaluation["pool"] = {
        "equal": {"nll": 0.9, "ece": 0.3, "reliability": BINS}
    }
    section = run_answers.reliability_section(run)
    text = str(section)
    assert "pool, equal exponents" in text
    assert "12.3" in text
    assert "30.0" in text


def test_nothing_is_shown_of_an_earlier_evaluation(run):
    assert run_answers.reliability_section(run) is None
