"""AV-MNIST: pairs by class, the same each time, and hard."""

import numpy as np
import pytest

from gblend_keras.data.sets import avmnist
from tests.places import SHARED

REAL = SHARED / "data" / "avmnist"


def write(folder, name, num, seed):
    rng = np.random.default_rng(seed)
    audio = rng.integers(-9000, 9000, (num, 8000)).astype(np.int16)
    audio[:, 6000:] = 0
    np.savez(
        folder / f"{name}.npz",
        audio=audio,
        audio_len=np.full(num, 6000, np.int16),
        audio_y=(np.arange(num) % 10).astype(np.int8),
        image=rng.integers(0, 255, (2 * num, 28, 28)).astype(np.uint8),
        image_y=(np.arange(2 * num) % 10).astype(np.int8),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avmnist")
    write(folder, "train", 40, 0)
    write(folder, "test", 20, 1)
    return folder


def test_set_is_the_same_each_time(folder):
    first, second = avmnist.load(folder), avmnist.load(folder)
    assert first.train.shapes == {"image": (28, 28, 1), "sound": (50, 24, 1)}
    assert (len(first.train), len(first.test)) == (40, 60)
    for modality in ("image", "sound"):
        np.testing.assert_array_equal(
            first.test.x[modality], second.test.x[modality]
        )
    np.testing.assert_array_equal(
        first.test.y, np.repeat(np.arange(20) % 10, 3)
    )


def test_repeats_of_a_recording_have_other_images_and_other_noise(folder):
    x = avmnist.load(folder).test.x
    for modality in ("image", "sound"):
        assert np.abs(x[modality][0] - x[modality][1]).max() > 1e-3


def test_pairs_share_the_class_and_use_every_image_before_one_again():
    labels = np.array([0, 0, 0, 1, 1])
    image_labels = np.array([1, 0, 0, 1, 1])
    rows = avmnist.pairs(labels, image_labels, np.random.default_rng(0))
    np.testing.assert_array_equal(image_labels[rows], labels)
    assert set(rows[:3]) == {1, 2} and len(set(rows[3:])) == 2


def test_missing_digit_is_named(folder, tmp_path):
    for name in ("train", "test"):
        stored = dict(np.load(folder / f"{name}.npz"))
        stored["image_y"] = np.maximum(stored["image_y"], 1)
        np.savez(tmp_path / f"{name}.npz", **stored)
    with pytest.raises(ValueError, match=r"none of \[0\]. Restore the file"):
        avmnist.load(tmp_path)


@pytest.mark.large
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the data set avmnist")
def test_real_images_keep_a_quarter_of_their_energy():
    splits = avmnist.load(REAL)
    assert (len(splits.train), len(splits.test)) == (2700, 900)
    images = splits.train.x["image"].reshape(2700, -1)
    stored = np.load(REAL / "train.npz")["image"].reshape(10000, -1) / 255
    share = images.var(axis=0).sum() / stored.var(axis=0).sum()
    assert 0.25 < share < 0.31  # four components: 0.287 of all images
    assert np.linalg.matrix_rank(images - images.mean(axis=0), tol=1e-2) == 4
