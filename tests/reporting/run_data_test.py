"""What a page reads of a run directory."""

import numpy as np
import pytest

from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.reporting import run_data
from tests.reporting import folders_of


@pytest.mark.parametrize(
    ("answering", "expected"),
    [
        (["joint"], ["joint"]),
        (["rgb"], ["rgb"]),
        (["rgb", "sound"], ["ensemble", "rgb", "sound"]),
        (["rgb", "joint"], ["joint", "rgb"]),
        (
            ["rgb", "sound", "joint"],
            ["joint", "blend", "rgb", "sound", "ensemble"],
        ),
    ],
)
def test_answers_are_those_that_were_trained(tmp_path, answering, expected):
    folder = folders_of.write_run(tmp_path, answering_heads=answering)
    assert run_data.read_run(folder).answers == expected


def test_history_without_a_field_is_refused(tmp_path):
    folder = folders_of.write_run(tmp_path)
    entry = folders_of.estimate()
    del entry["ogr"]
    folders_of.write(folder / "blend_history.json", [entry])
    with pytest.raises(ValueError, match="Start the run in a new folder."):
        run_data.read_run(folder)


def test_estimates_come_back_as_they_were(tmp_path):
    run = run_data.read_run(folders_of.write_run(tmp_path, history=1))
    assert run.estimates == [BlendEstimate.from_json(folders_of.estimate())]
    assert np.isfinite(run.column("rgb_loss")).all()
