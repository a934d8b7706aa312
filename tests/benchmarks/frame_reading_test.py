"""The comparison counts the same frames on both sides."""

import numpy as np
import pytest

from gblend_keras.benchmarks import frame_reading
from gblend_keras.data.media import reader
from tests.data import clip_files


def test_comparison_reads_every_frame_of_every_file(tmp_path):
    paths = [
        clip_files.write_clip(tmp_path / "a.mp4", np.arange(12) * 100),
        clip_files.write_clip(tmp_path / "b.mkv", np.arange(5) * 40),
    ]
    result = frame_reading.compare_reading(paths, short_side=24, rounds=2)
    assert result["num_frames"] == 17
    assert result["rounds"] == 2
    ours, bare = result["ours_frames_a_second"], result["bare_frames_a_second"]
    assert result["ratio"] == pytest.approx(ours / bare)
    # Loose, for shared machines: reading everything twice would fail.
    assert 0.1 < result["ratio"] < 10


def test_comparison_needs_files_and_rounds(tmp_path):
    with pytest.raises(ValueError, match="Name files that are there."):
        frame_reading.compare_reading([])
    with pytest.raises(ValueError, match="Choose a value inside."):
        frame_reading.compare_reading(["a.mp4"], rounds=0)
    with pytest.raises(reader.MediaError, match="Check the folder"):
        frame_reading.compare_reading([tmp_path / "gone.mp4"])
