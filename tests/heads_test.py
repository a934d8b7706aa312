"""The names of answers, and what a run answers with."""

import subprocess
import sys

import pytest

from gblend_keras import heads

ALL = ["rgb", "audio", "joint"]


@pytest.mark.parametrize(
    ("trained", "reported", "main", "every"),
    [
        (ALL, ["joint", "blend"], "joint", ["joint", "blend", "rgb", "audio"]),
        (["joint"], ["joint"], "joint", ["joint"]),
        (["rgb"], ["rgb"], "rgb", ["rgb"]),
        (
            ["rgb", "audio"],
            ["rgb", "audio", "ensemble"],
            "ensemble",
            ["ensemble", "rgb", "audio"],
        ),
        (["rgb", "joint"], ["joint", "blend"], "joint", ["joint", "rgb"]),
    ],
)
def test_run_answers_with_what_it_trained(trained, reported, main, every):
    assert heads.reported_answers(trained) == reported
    assert heads.main_answer(trained) == main
    found = heads.all_answers(trained, ALL)
    assert found == every + ["ensemble"] * (trained == ALL)


def test_answers_of_several_heads_say_what_they_are():
    for answer in ("joint", "blend", "ensemble", "available"):
        assert heads.meaning(answer)
    assert heads.meaning("rgb") == ""


def test_names_load_no_keras():
    code = (
        "import sys; from gblend_keras import heads;"
        "print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
