"""The benchmark of the towers."""

import pytest

from gblend_keras.benchmarks import towers
from gblend_keras.towers import transformer


def test_a_row_has_what_was_measured():
    case = towers.Case(transformer.build_transformer, (4, 3), (2, 3))
    row = towers.measure("mine", case, repeats=1)
    tower = transformer.build_transformer((4, 3))
    assert row.parameters == tower.count_params()
    assert row.giga_multiply_adds > 0
    assert 0 < row.forward_seconds < 60 and 0 < row.step_seconds < 60
    assert str(row).split()[:2] == ["mine", "4x3"]
    assert len(str(row).split()) == len(towers.HEADER.split()) - 1


def test_unknown_tower_is_refused():
    with pytest.raises(ValueError, match="Choose from these"):
        next(towers.rows(["r3d_19"]))


def test_every_family_and_depth_is_measured():
    names = set(towers.cases())
    for depth in (18, 34, 50, 101, 152):
        assert {f"r3d_{depth}", f"r2plus1d_{depth}", f"audio_{depth}"} <= names
    for depth in (50, 101, 152):
        assert {f"ip_csn_{depth}", f"ir_csn_{depth}"} <= names
