"""Rows, differences and costs, from what was run."""

import pytest

import gblend_keras as gb
from tests.comparison.conftest import plain
from tests.comparison.conftest import row_of


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
