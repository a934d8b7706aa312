"""The embedded set: who is in which split, and that it never changes."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from gblend_keras.data import example_set
from gblend_keras.data.sets import digits
from gblend_keras.data.sets import speech
from gblend_keras.data.sound import log_mel_picture
from tests.places import ROOT

SMALL = digits.DigitsConfig(num_train=60, num_test=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(folder) -> example_set.Splits:
    return digits.load(cache_dir=folder, config=SMALL)


def _checksum(splits: example_set.Splits) -> str:
    checksum = hashlib.sha256()
    for part in (splits.train, splits.test):
        for array in (*part.x.values(), part.y, part.group):
            checksum.update(np.ascontiguousarray(array).data)
    return checksum.hexdigest()


def test_shapes_and_types_are_as_documented(small):
    for part, size in ((small.train, 60), (small.test, 30)):
        assert part.x["image"].shape == (size, 8, 8, 1)
        assert part.x["sound"].shape == (size, 32, 24, 1)
        assert {x.dtype for x in part.x.values()} == {np.dtype(np.float32)}
        assert part.y.shape == part.group.shape == (size,)
    assert small.class_names[3] == "three"
    assert small.validation is None


def test_classes_are_equally_frequent(small):
    assert np.bincount(small.train.y).tolist() == [6] * 10
    assert np.bincount(small.test.y).tolist() == [3] * 10


def test_no_speaker_is_in_both_splits(small):
    train, test = set(small.train.group), set(small.test.group)
    assert not train & test
    num_speakers = len({speech.speaker(voice) for voice in speech.voices()})
    assert train | test <= set(range(num_speakers))


def test_every_sheet_begins_with_the_digits_in_order_and_no_other_place():
    labels = "".join(map(str, datasets.load_digits().target))
    in_order = "0123456789" * 2
    places = [
        place
        for place in range(len(labels))
        # Sheets begin with two or three such runs: the first one counts.
        if labels.startswith(in_order, place)
        and not labels.startswith("0123456789", max(place - 10, 0))
    ]
    begins = {0, *places}
    # On one sheet, two digits of a run are missing.
    assert begins | {1545} == set(digits.SHEETS)


def test_images_come_from_the_sheets_of_their_split():
    config = digits.DigitsConfig(num_train=60, num_test=30, image_noise=0.0)
    made = digits._make(0, config)
    pixels = datasets.load_digits().images / 16
    cut = digits.SHEETS[digits.FIRST_TEST_SHEET]
    labels = datasets.load_digits().target
    for split, first, last in (("train", 0, cut), ("test", cut, 1797)):
        for image, label in zip(
            made[f"{split}_image"], made[f"{split}_y"], strict=True
        ):
            same = (pixels == image[..., 0]).all(axis=(1, 2))
            places = np.flatnonzero(same)
            assert len(places) > 0
            assert all(first <= place < last for place in places)
            assert set(labels[places]) == {label}


def test_image_noise_has_the_size_that_was_asked_for():
    clean = digits._make(
        0, digits.DigitsConfig(num_train=60, num_test=30, image_noise=0.0)
    )
    noisy = digits._make(
        0, digits.DigitsConfig(num_train=60, num_test=30, image_noise=0.5)
    )
    noise = np.subtract(noisy["train_image"], clean["train_image"])
    assert abs(noise.std() - 0.5) < 0.02  # 3,840 pixels: 0.006 expected
    np.testing.assert_array_equal(noisy["train_sound"], clean["train_sound"])


def test_sound_is_scaled_by_the_training_split_alone(small):
    assert abs(small.train.x["sound"].mean()) < 1e-4
    assert abs(small.train.x["sound"].std() - 1) < 1e-4
    assert abs(small.test.x["sound"].mean()) > 1e-4


def test_word_that_is_too_long_is_cut_to_the_span():
    config = digits.DigitsConfig(span_seconds=0.1)
    word = np.full(9999, 500, np.int16)
    sound = digits._noisy_sound(config, word, np.random.default_rng(0))
    assert sound.shape == (2205,)


def test_noise_level_is_relative_to_the_word():
    config = digits.DigitsConfig(sound_noise_db=(-20.0, -20.0))
    for loudness in (10, 10000):
        word = np.full(5, loudness, np.int16)
        sound = digits._noisy_sound(config, word, np.random.default_rng(0))
        # The word has amplitude 1 wherever it is; -20 dB is a tenth of it.
        assert abs(np.median(np.abs(sound)) - 0.1 * 0.6745) < 0.003


def test_same_seed_gives_the_same_bits_in_a_fresh_process(small):
    program = (
        "import tests.data.sets.digits_test as t\n"
        "made = t.digits._make(0, t.SMALL)\n"
        "parts = [t.digits._split_of(made, s) for s in ('train', 'test')]\n"
        "print(t._checksum(t.example_set.Splits(*parts, class_names=())))\n"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert fresh.stdout.strip() == _checksum(small)


def test_another_seed_gives_another_set(small):
    other = digits._make(1, SMALL)
    assert not np.array_equal(other["train_image"], small.train.x["image"])
    assert set(other["test_group"]) != set(small.test.group)


def test_second_load_needs_neither_package(small, folder, monkeypatch):
    for package in ("sklearn", "espeakng_loader"):
        monkeypatch.setitem(sys.modules, package, None)
    again = digits.load(cache_dir=folder, config=SMALL)
    assert _checksum(again) == _checksum(small)


def test_damaged_file_is_made_again(small, tmp_path):
    digits.load(cache_dir=tmp_path, config=SMALL)
    (file,) = tmp_path.iterdir()
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    again = digits.load(cache_dir=tmp_path, config=SMALL)
    assert _checksum(again) == _checksum(small)


@pytest.mark.parametrize("package", ["sklearn", "espeakng_loader"])
def test_missing_package_gives_the_command_that_installs_it(
    package, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install .gblend_keras\[demo\]"):
        digits.load(cache_dir=tmp_path, config=SMALL)


def test_negative_seed_says_what_to_use():
    with pytest.raises(ValueError, match="Use 0, 1, 2 and so on."):
        digits.load(seed=-1)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"num_train": 9}, "Give every class an example."),
        ({"test_speakers": 0.0}, "Use 0.3."),
        ({"image_noise": -0.1}, "Leave them out to get the defaults."),
        ({"sound_noise_db": (3.0, 0.0)}, "Leave them out"),
        ({"span_seconds": 0.0}, "Leave them out"),
        (
            {"log_mel": log_mel_picture.LogMelSettings(sample_rate_hz=16000)},
            "Leave the rate out.",
        ),
    ],
)
def test_impossible_settings_say_what_to_do(change, advice):
    with pytest.raises(ValueError, match=advice):
        digits.DigitsConfig(**change)
