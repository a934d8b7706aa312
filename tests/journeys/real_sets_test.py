"""The loaders of real sets, on small files of the same layout."""

import json

import numpy as np
import pytest

from gblend_keras.data.sets import grid
from gblend_keras.data.sets import utd_mhad
from tests.places import SHARED

SHARED = SHARED / "data"


def write_grid(folder):
    rng = np.random.default_rng(0)
    for name, size in (("train", 6), ("val", 3), ("test", 3)):
        times = np.zeros((size, 6, 2), np.float32)
        times[:, 3] = [9.0, 12.0]  # centre 10.5: frames 4 to 16
        video = np.zeros((size, 24, 32, 48), np.uint8)
        video += np.arange(24, dtype=np.uint8)[None, :, None, None]
        np.savez(
            folder / f"{name}.npz",
            video=video,
            logmel=rng.normal(size=(size, 94, 40)).astype(np.float16),
            y_letter=(np.arange(size) % 3).astype(np.int16),
            word_times=times,
        )
    (folder / "classes.json").write_text(
        json.dumps({"letter": ["a", "b", "c"]})
    )


def test_grid_cuts_the_letter_out_of_the_clip(tmp_path):
    write_grid(tmp_path)
    splits = grid.load(tmp_path)
    x = splits.train.x
    assert x["video"].shape == (6, 12, 32, 48, 1)
    assert x["sound"].shape == (6, 48, 40, 1)
    # 10.5 - 6 rounds to 4 (to even): frames 4 to 15.
    assert x["video"][0, :, 0, 0, 0].tolist() == list(range(4, 16))
    assert x["motion"][0, :, 0, 0, 0].tolist() == [0] + [1] * 11
    logmel = np.load(tmp_path / "train.npz")["logmel"]
    np.testing.assert_array_equal(x["sound"][0, :, :, 0], logmel[0, 16:64])
    assert splits.class_names == ("a", "b", "c")
    assert len(splits.validation) == 3


def write_utd(folder):
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        inertial = np.zeros((4, 326, 6), np.float32)
        inertial[:, :100] = np.linspace(0, 1, 100)[None, :, None]
        np.savez(
            folder / f"{name}.npz",
            depth=rng.integers(0, 255, (4, 24, 60, 40)).astype(np.uint8),
            skeleton=rng.normal(size=(4, 125, 20, 3)).astype(np.float32),
            skeleton_len=np.full(4, 60, np.int16),
            inertial=inertial,
            inertial_len=np.full(4, 100, np.int16),
            y=np.array([0, 1, 0, 1], np.int16),
            subject=np.array([1, 1, 3, 3], np.int16),
        )
    (folder / "classes.json").write_text(json.dumps(["wave", "clap"]))


def test_utd_mhad_stretches_recordings_to_one_length(tmp_path):
    write_utd(tmp_path)
    splits = utd_mhad.load(tmp_path)
    x = splits.train.x
    assert x["depth"].shape == (4, 60, 40, 24)
    assert x["skeleton"].shape == (4, 64, 60)
    # A straight line of 100 rows stays straight in 128; no padding is left.
    line = x["inertial"][0, :, 0]
    np.testing.assert_allclose(line, np.linspace(0, 1, 128), atol=1e-6)
    # The hip of the first frame is the origin.
    np.testing.assert_array_equal(x["skeleton"][:, 0, :3], 0)
    assert splits.train.group.tolist() == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("write", "load"),
    [(write_grid, grid.load), (write_utd, utd_mhad.load)],
    ids=["grid", "utd_mhad"],
)
def test_missing_and_incomplete_files_are_named(tmp_path, write, load):
    with pytest.raises(ValueError, match="train.npz is not there"):
        load(tmp_path)
    write(tmp_path)
    (tmp_path / "classes.json").write_text("{")
    with pytest.raises(ValueError, match="classes.json cannot be read"):
        load(tmp_path)
    np.savez(tmp_path / "train.npz", y=np.zeros(3))
    with pytest.raises(ValueError, match="train.npz lacks arrays"):
        load(tmp_path)


@pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the real sets are not at {SHARED.name}"
)
def test_real_sets_have_the_sizes_of_their_papers():
    splits = utd_mhad.load(SHARED / "utd_mhad")
    assert (len(splits.train), len(splits.test)) == (431, 430)
    assert set(splits.train.group) == {1, 3, 5, 7}
    assert set(splits.test.group) == {2, 4, 6, 8}
    assert len(splits.class_names) == 27
    splits = grid.load(SHARED / "grid_s1_av")
    assert (len(splits.train), len(splits.test)) == (600, 250)
    assert len(splits.class_names) == 25
