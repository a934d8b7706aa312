"""The EPIC-Kitchens spectrogram against a plain reference, and SpecAugment."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.sound import spectrogram


def noise(samples):
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(samples)).astype(np.float32)


def reference(samples):
    """Computes TBN's picture in float64, frame by frame: (time, bins)."""
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(240) / 240))
    padded = np.pad(samples.astype(np.float64), 255)
    rows = []
    for row in range(256):
        frame = np.zeros(511)
        start = row * 120 + 135  # (511 - 240) // 2 into the frame
        frame[135:375] = padded[start : start + 240] * hann
        rows.append(np.log(np.abs(np.fft.fft(frame)[:256]) ** 2 + 1e-6))
    return np.array(rows)


@pytest.mark.parametrize("samples", [30696, 30601, 30720])
def test_picture_is_that_of_the_reference(samples):
    picture = spectrogram.epic_spectrogram(noise(samples))
    assert picture.shape == (256, 256) and picture.dtype == tf.float32
    np.testing.assert_allclose(
        picture, reference(noise(samples)), rtol=0, atol=1e-4
    )


def test_tone_is_a_bright_column():
    # Bins are 24000 / 511 = 46.97 Hz apart; 4697 Hz is column 100.
    time = np.arange(30696) / 24000
    tone = np.sin(2 * np.pi * 4697 * time).astype(np.float32)
    picture = spectrogram.epic_spectrogram(tone).numpy()
    assert set(picture[2:-2].argmax(axis=1)) == {100}


@pytest.mark.parametrize(
    ("samples", "center", "first"),
    [
        (60000, 1.0, 8664),  # (1 - 0.639) * 24000
        (60000, 0.1, 0),
        (60000, 2.45, 60000 - 30696),
        (30696, 0.6, 0),
    ],
)
def test_window_stays_inside_the_sound(samples, center, first):
    ramp = np.arange(samples, dtype=np.float32)
    window = spectrogram.epic_window(ramp, center).numpy()
    np.testing.assert_array_equal(window, ramp[first : first + 30696])


def test_short_sound_is_followed_by_silence():
    window = spectrogram.epic_window(np.ones(1000, np.float32), 0.5).numpy()
    assert window.shape == (30696,)
    assert window[:1000].all() and not window[1000:].any()


def test_dataset_gives_the_picture_that_eager_gives():
    waveform = noise(50000)

    def picture(center):
        window = spectrogram.epic_window(waveform, center)
        return spectrogram.epic_spectrogram(window)

    centers = np.array([0.0, 1.0, 2.0])
    dataset = tf.data.Dataset.from_tensor_slices(centers).map(picture)
    for mapped, center in zip(
        dataset.as_numpy_iterator(), centers, strict=True
    ):
        np.testing.assert_array_equal(mapped, picture(center))


def test_length_is_checked_when_it_is_known_and_when_it_runs():
    with pytest.raises(ValueError, match="Cut it with `epic_window`."):
        spectrogram.epic_spectrogram(noise(24000))
    with pytest.raises(ValueError, match="divide 16-bit samples by 32768"):
        spectrogram.epic_spectrogram(np.zeros(30696, np.int16))
    unknown = tf.function(
        spectrogram.epic_spectrogram,
        input_signature=[tf.TensorSpec((None,), tf.float32)],
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        unknown(noise(24000))


def masked(seed, **settings):
    picture = tf.ones((100, 40))
    return spectrogram.spec_augment(picture, [seed, 0], **settings).numpy()


def test_masks_are_whole_bands_no_wider_than_asked():
    rows, bins = [], []
    for seed in range(60):
        hidden = masked(seed) == 0
        row, column = hidden.all(axis=1), hidden.all(axis=0)
        np.testing.assert_array_equal(hidden, row[:, None] | column[None])
        for band in (row, column):  # one unbroken band
            assert np.abs(np.diff(np.pad(band.astype(int), 1))).sum() <= 2
        rows.append(row.sum())
        bins.append(column.sum())
    assert max(rows) <= 20 and max(bins) <= 13
    # 60 draws of 0..20 and 0..13: narrow ones and wide ones are among them.
    assert min(rows) < 4 and max(rows) > 16 and min(bins) < 3 and max(bins) > 10


def test_widest_mask_and_last_place_are_drawn():
    picture = tf.ones((2, 1))
    seen = {
        tuple(
            spectrogram.spec_augment(picture, [seed, 1], max_rows=2, max_bins=0)
            .numpy()[:, 0]
            .tolist()
        )
        for seed in range(40)
    }
    assert seen == {(1, 1), (0, 1), (1, 0), (0, 0)}


def test_masks_depend_on_the_seed_alone():
    np.testing.assert_array_equal(masked(3), masked(3))
    assert any((masked(3) != masked(seed)).any() for seed in range(4, 9))
    dataset = tf.data.Dataset.range(20).map(
        lambda number: spectrogram.spec_augment(
            tf.ones((100, 40)), tf.stack([number, 0])
        ),
        num_parallel_calls=2,
    )
    for number, mapped in enumerate(dataset.as_numpy_iterator()):
        np.testing.assert_array_equal(mapped, masked(np.int64(number)))


def test_masks_reach_every_channel_and_take_the_value():
    picture = tf.ones((30, 20, 2))
    hidden = spectrogram.spec_augment(
        picture, [1, 2], num_masks=3, value=-5.0
    ).numpy()
    assert set(np.unique(hidden)) == {-5.0, 1.0}
    np.testing.assert_array_equal(hidden[..., 0], hidden[..., 1])


def test_no_mask_changes_nothing():
    np.testing.assert_array_equal(masked(1, num_masks=0), np.ones((100, 40)))
    np.testing.assert_array_equal(
        masked(1, max_rows=0, max_bins=0), np.ones((100, 40))
    )


def test_mask_may_hide_a_picture_shorter_than_itself():
    hidden = spectrogram.spec_augment(tf.ones((3, 2)), [0, 0]).numpy()
    assert hidden.shape == (3, 2)


@pytest.mark.parametrize(
    ("picture", "settings", "advice"),
    [
        (np.zeros(9), {}, "Map over unbatched examples."),
        (np.zeros((9, 9)), {"max_rows": -1}, "Choose a value inside."),
        (np.zeros((9, 9)), {"max_bins": -1}, "Choose a value inside."),
        (np.zeros((9, 9)), {"num_masks": -1}, "Choose a value inside."),
    ],
)
def test_impossible_masks_are_refused(picture, settings, advice):
    with pytest.raises(ValueError, match=advice):
        spectrogram.spec_augment(picture, [0, 0], **settings)
