"""WEDA-FALL: three sensors, the person as group, and one sign a rotation."""

import json

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.data import holdout
from gblend_keras.data.sets import registry
from gblend_keras.data.sets import weda_fall
from tests.places import SHARED

REAL = SHARED / "data" / "weda_fall"
SHAPES = {
    "accelerometer": (128, 3),
    "gyroscope": (128, 3),
    "orientation": (128, 4),
}


def write(folder, **changes):
    rng = np.random.default_rng(0)
    stored = {
        name: rng.normal(size=(6, *shape)).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    stored |= {
        "length_seconds": np.ones(6, np.float32),
        "y": (np.arange(6) % 2).astype(np.int16),
        "subject": np.array([1, 1, 3, 3, 21, 21], np.int16),
        "trial": np.ones(6, np.int16),
    }
    stored |= changes
    kept = {name: each for name, each in stored.items() if each is not None}
    for part in ("train", "test"):
        np.savez(folder / f"{part}.npz", **kept)
    (folder / "classes.json").write_text(json.dumps(["walk", "fall"]))
    return stored


def test_trials_have_three_sensors_and_the_person_as_group(tmp_path):
    stored = write(tmp_path)
    splits = weda_fall.load(tmp_path)
    assert splits.train.shapes == SHAPES
    assert {x.dtype for x in splits.train.x.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(
        splits.test.x["accelerometer"], stored["accelerometer"]
    )
    assert splits.train.group.tolist() == [1, 1, 3, 3, 21, 21]
    assert splits.train.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert splits.class_names == ("walk", "fall")
    assert splits.validation is None


def test_sign_of_a_quaternion_is_that_of_its_neighbour(tmp_path):
    angle = np.linspace(0.2, 4.0, 128)  # of half a turn; its cosine becomes < 0
    smooth = np.stack([np.cos(angle), np.sin(angle), 0 * angle, 0 * angle], 1)
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], (6, 128, 1))
    write(tmp_path, orientation=(signs * smooth).astype(np.float32))
    found = weda_fall.load(tmp_path).train.x["orientation"]
    np.testing.assert_allclose(found, np.tile(smooth, (6, 1, 1)), atol=1e-6)


def test_first_component_that_is_not_zero_is_positive_at_the_start():
    start = np.array([[0, -0.5, 0.5, 0], [-1, 0.2, 0, 0], [0, 0, 0, 0]])
    found = weda_fall.canonical(start[:, None].astype(np.float32))
    np.testing.assert_allclose(
        found[:, 0], [[0, 0.5, -0.5, 0], [1, -0.2, 0, 0], [0, 0, 0, 0]]
    )


def test_missing_and_incomplete_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="train.npz is not there"):
        weda_fall.load(tmp_path)
    write(tmp_path, gyroscope=None)
    with pytest.raises(ValueError, match="train.npz lacks arrays"):
        weda_fall.load(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the data set weda_fall")
def test_people_held_out_of_the_real_set_leave_no_class_out():
    settings = gb.recipes.get("weda_fall")
    splits = registry.load(settings.data, data_dir=REAL.parent)
    train = splits.train
    assert (len(train), len(splits.test)) == (563, 406)
    assert not set(train.group) & set(splits.test.group)
    assert len(splits.class_names) == 19
    assert (train.x["orientation"][:, 0, 0] >= 0).all()
    blend = settings.blend
    for fraction in (blend.holdout_fraction, blend.offline_fraction):
        for seed in range(10):
            held = holdout.holdout_indices(
                train.y, fraction=fraction, groups=train.group, seed=seed
            )
            assert len(set(train.y[held])) == 19
            assert abs(len(held) / len(train) - fraction) < 0.06
