"""Waveform to log-mel. That this imports at all shows that no warning leaks."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.sound import log_mel_picture


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def test_silence_is_the_logarithm_of_the_offset():
    picture = log_mel_picture.log_mel(
        tf.zeros(4410), log_mel_picture.LogMelSettings(log_offset=0.5)
    )
    # 4410 samples in steps of 0.02 s * 22050 = 441 samples: 10 frames.
    np.testing.assert_allclose(picture, np.full((10, 24), np.log(0.5)), 1e-6)


def test_tone_is_loudest_in_its_own_mel_band():
    # mel(f) = 1127 ln(1 + f / 700): 80 Hz is 122.0, 8000 Hz is 2840.0, so band
    # k has its centre at 122.0 + 108.7 (k + 1). 1000 Hz is 1000.0: k = 7.08.
    seconds = np.arange(22050) / 22050
    tone = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
    picture = log_mel_picture.log_mel(tone).numpy()
    assert set(picture[:-2].argmax(axis=1)) == {7}  # the last frames are padded


def test_last_samples_are_in_a_frame():
    settings = log_mel_picture.LogMelSettings()
    waveform = np.zeros(442, np.float32)  # one sample more than a step
    waveform[-1] = 1
    picture = log_mel_picture.log_mel(waveform, settings).numpy()
    assert picture.shape == (2, 24)
    assert settings.num_frames(442) == 2
    assert settings.num_frames(441) == 1
    assert settings.num_frames(0) == 0


def test_batch_is_the_same_as_one_by_one():
    waveforms = _noise(3, 3000)
    batch = log_mel_picture.log_mel(waveforms).numpy()
    single = np.stack(
        [log_mel_picture.log_mel(waveform) for waveform in waveforms]
    )
    np.testing.assert_allclose(batch, single, rtol=1e-5, atol=1e-5)


def test_dataset_gives_what_eager_gives():
    waveforms = _noise(5, 3000)
    expected = log_mel_picture.log_mel(waveforms).numpy()
    dataset = tf.data.Dataset.from_tensor_slices(waveforms)
    alone = np.stack(
        list(dataset.map(log_mel_picture.log_mel).as_numpy_iterator())
    )
    batched = np.concatenate(
        list(dataset.batch(2).map(log_mel_picture.log_mel).as_numpy_iterator())
    )
    np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(batched, expected, rtol=1e-5, atol=1e-5)


def test_louder_sound_is_never_darker():
    waveform = _noise(3000)
    quiet, loud = (
        log_mel_picture.log_mel(waveform),
        log_mel_picture.log_mel(2 * waveform),
    )
    assert np.all(loud.numpy() > quiet.numpy())


def test_any_floating_sound_gives_float32():
    assert (
        log_mel_picture.log_mel(_noise(999).astype(np.float64)).dtype
        == tf.float32
    )


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"num_mel_bins": 0}, "Use positive numbers."),
        ({"step_seconds": 0.0}, "Give seconds, such as 0.02."),
        ({"window_seconds": -1.0}, "Give seconds, such as 0.02."),
        ({"fft_size": 512}, "Take the next power of two."),
        ({"high_hz": 12000.0}, "Lower `high_hz` to half the sample rate."),
        ({"log_offset": 0.0}, "use 0.01."),
    ],
)
def test_impossible_settings_say_what_to_do(change, advice):
    with pytest.raises(ValueError, match=advice):
        log_mel_picture.LogMelSettings(**change)


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros((1, 2, 3), np.float32),
        np.float32(0),
        np.zeros(999, np.int16),
    ],
)
def test_what_is_no_sound_is_refused(waveform):
    with pytest.raises(ValueError, match="divide 16-bit samples by 32768"):
        log_mel_picture.log_mel(waveform)
