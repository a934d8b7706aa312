"""The names of answers, and what a run answers with."""

import subprocess
import sys

import pytest

from gblend_keras import heads

ALL = ["rgb", "audio", "joint"]


@pytest.mark.parametrize(
    ("trained", "every", "reported"),
    [
        (
            ALL,
            ["pool", "joint", "blend", "rgb", "audio", "ensemble"],
            ["joint", "blend", "pool"],
        ),
        (["joint"], ["joint"], ["joint"]),
        (["rgb"], ["rgb"], ["rgb"]),
        (
            ["rgb", "audio"],
            ["pool", "rgb", "audio", "ensemble"],
            ["rgb", "audio", "ensemble", "pool"],
        ),
        (["rgb", "joint"], ["pool", "joint", "rgb"], ["joint", "pool"]),
        ([], [], []),
    ],
)
def test_run_answers_with_what_it_trained(trained, every, reported):
    found = heads.all_answers(trained, ALL)
    assert found == every
    assert heads.reported_answers(found) == reported
    summary = {
        "answering_heads": trained,
        "blend_weights": dict.fromkeys(ALL, 0.0),
        "accuracy": dict.fromkeys(heads.computed_answers(["rgb", "audio"])),
    }
    assert heads.answers_of(summary) == every
    del summary["accuracy"]["pool"]  # a run of an earlier version
    rest = [answer for answer in every if answer != "pool"]
    main = [heads.main_answer(rest)] if rest else []
    assert heads.answers_of(summary) == [
        *main,
        *[answer for answer in rest if answer not in main],
    ]


@pytest.mark.parametrize(
    ("answers", "main"),
    [
        (["blend", "joint", "pool"], "pool"),
        (["blend", "joint"], "joint"),  # a run of an earlier version
        (["rgb", "audio", "ensemble"], "ensemble"),
        (["audio"], "audio"),
    ],
)
def test_main_answer_is_the_pool_else_joint_else_the_ensemble(answers, main):
    assert heads.main_answer(answers) == main


def test_mean_that_is_added_takes_part_everywhere(monkeypatch):
    monkeypatch.setitem(heads.MEANS, "median", heads.Mean("a median", False))
    assert heads.all_answers(ALL, ALL)[-2:] == ["ensemble", "median"]
    assert heads.all_answers(["rgb", "audio"], ALL)[-1] == "median"
    assert heads.computed_answers(["rgb"]) == [
        "rgb",
        "ensemble",
        "median",
        "joint",
        "blend",
        "pool",
    ]


def test_answers_of_several_heads_say_what_they_are():
    for answer in ("joint", "blend", "ensemble", "pool"):
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
