"""Spectrogram pictures for EPIC-Kitchens, and masks on any such picture."""

import tensorflow as tf

from gblend_keras import config
from gblend_keras.data.sound import vmz_picture

EPIC_SAMPLE_RATE_HZ = 24000
EPIC_SAMPLES = 30696  # 1.279 s
EPIC_SIZE = 256  # rows and bins
_WINDOW_SAMPLES = 240  # 10 ms
_STEP_SAMPLES = 120  # 5 ms
_FFT_SIZE = 511  # gives 256 bins
_OFFSET = 1e-6


def epic_window(
    waveform: tf.Tensor, center_seconds: tf.Tensor | float
) -> tf.Tensor:
    """Cuts the 1.279 s around a moment out of a sound.

    Near an end the window is moved inwards. A sound that is shorter is
    followed by silence.

    Source: Kazakos et al., ICCV 2019 (TBN), and its public code.
    Ours: always 1.279 s; the public code takes 1.278 s away from the ends.

    Args:
        waveform: Shape `(samples,)`, floating, at 24 kHz.
        center_seconds: The moment, from the sound's start.

    Returns:
        Shape `(30696,)`.

    Raises:
        ValueError: If the waveform is not a sound.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> ten_seconds = tf.zeros(240000)  # at 24 kHz
        >>> sound.epic_window(ten_seconds, center_seconds=3.0).shape
        TensorShape([30696])
    """
    waveform = vmz_picture.checked_waveform(waveform, EPIC_SAMPLE_RATE_HZ)
    size = tf.size(waveform)
    center = tf.cast(center_seconds, tf.float64)
    start = tf.round((center - 0.639) * EPIC_SAMPLE_RATE_HZ)
    last = tf.maximum(size - EPIC_SAMPLES, 0)
    first = tf.clip_by_value(tf.cast(start, tf.int32), 0, last)
    window = waveform[first : first + EPIC_SAMPLES]
    window = tf.pad(window, [[0, EPIC_SAMPLES - tf.size(window)]])
    return tf.ensure_shape(window, (EPIC_SAMPLES,))


def epic_spectrogram(waveform: tf.Tensor) -> tf.Tensor:
    """Turns 1.279 s of sound into the 256 x 256 picture of TBN.

        picture = log(|STFT|**2 + 1e-6)

    with a periodic Hann window of 10 ms every 5 ms, centred on its row; a
    transform of 511 points; linear frequencies. Works eagerly and inside
    `tf.data`. `tf.signal.stft` does it all once the window is padded to the
    transform's length; `tfio.audio.spectrogram` has neither centred windows
    nor powers.

    Source: Kazakos et al., ICCV 2019, section 4.1, and its public code
    (librosa.stft with zeros beyond both ends).
    Ours: rows are time, columns frequency, as in all pictures of sound here;
    theirs is the transpose.

    Args:
        waveform: Shape `(30696,)`, floating, -1..1, at 24 kHz; see
            `epic_window`. Anything from 30601 to 30720 samples will do.

    Returns:
        Shape `(256, 256)`, float32.

    Raises:
        ValueError: If the waveform is not a sound of that length.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> window = sound.epic_window(tf.zeros(240000), center_seconds=3.0)
        >>> sound.epic_spectrogram(window).shape
        TensorShape([256, 256])
    """
    waveform = vmz_picture.checked_waveform(waveform, EPIC_SAMPLE_RATE_HZ)
    known = waveform.shape[0]
    if known is not None and 1 + (known - 1) // _STEP_SAMPLES != EPIC_SIZE:
        raise ValueError(
            "`waveform` has a wrong length. Expected 30601 to 30720 samples, "
            f"1.279 s at {EPIC_SAMPLE_RATE_HZ} Hz. Received: {known}. "
            "Cut it with `epic_window`."
        )
    beyond = _FFT_SIZE // 2
    padded = tf.pad(tf.cast(waveform, tf.float64), [[beyond, beyond]])
    spectra = tf.signal.stft(
        padded,
        frame_length=_FFT_SIZE,
        frame_step=_STEP_SAMPLES,
        fft_length=_FFT_SIZE,
        window_fn=_centered_hann,
    )  # (256, 256)
    power = tf.math.real(spectra) ** 2 + tf.math.imag(spectra) ** 2
    picture = tf.cast(tf.math.log(power + _OFFSET), tf.float32)
    return tf.ensure_shape(picture, (EPIC_SIZE, EPIC_SIZE))


def spec_augment(
    picture: tf.Tensor,
    seed: tf.Tensor,
    *,
    max_rows: int = 20,
    max_bins: int = 13,
    num_masks: int = 1,
    value: float = 0.0,
) -> tf.Tensor:
    """Hides random bands of time and of frequency.

    A mask of time hides `t` rows, `t` uniform in 0..max_rows, and starts
    anywhere that leaves it inside; masks of frequency likewise. The result is
    a function of the seed alone, eagerly and inside `tf.data`.

    Source: Park et al., Interspeech 2019 (SpecAugment), policy LB without time
    warping: one mask each, a third of the bins, a fifth of the rows at most.
    Ours: own masks. `tfio.audio.time_mask` and `freq_mask` draw from the
    global generator: they take no seed, so an epoch could not be repeated.
    They also never draw the widest mask or the last place.

    Args:
        picture: Shape `(rows, bins)` or `(rows, bins, channels)`.
        seed: Shape `(2,)`, integers.
        max_rows: Most rows that a mask hides, >= 0; at most all are hidden.
        max_bins: Most bins that a mask hides, >= 0.
        num_masks: Masks of each kind, >= 0.
        value: What hidden places become; 0 is silence to `vmz_log_mel`.

    Returns:
        The picture, same shape and type.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> picture = tf.ones((100, 40))
        >>> hidden = sound.spec_augment(picture, seed=tf.constant([0, 7]))
        >>> hidden.shape
        TensorShape([100, 40])
        >>> bool(tf.reduce_min(hidden) == 0)
        True
    """
    picture = tf.convert_to_tensor(picture)
    if picture.shape.rank not in (2, 3):
        raise ValueError(
            "`picture` is no picture of sound. Expected shape (rows, bins) or "
            f"(rows, bins, channels). Received: shape={picture.shape}. "
            "Map over unbatched examples."
        )
    for name, number in (
        ("max_rows", max_rows),
        ("max_bins", max_bins),
        ("num_masks", num_masks),
    ):
        config.check_range(name, number, 0, 10**6)
    shape = tf.shape(picture)
    # One type, or int32 and int64 seeds of equal value would differ.
    seeds = tf.random.split(tf.cast(seed, tf.int64), max(2 * num_masks, 1))
    hidden = tf.zeros(shape[:2], tf.bool)
    for mask in range(num_masks):
        rows = _band(shape[0], max_rows, seeds[2 * mask])
        bins = _band(shape[1], max_bins, seeds[2 * mask + 1])
        hidden |= rows[:, None] | bins[None, :]
    if picture.shape.rank == 3:
        hidden = hidden[:, :, None]
    return tf.where(hidden, tf.cast(value, picture.dtype), picture)


def _band(size: tf.Tensor, most: int, seed: tf.Tensor) -> tf.Tensor:
    """Says of each place along an axis whether a random band hides it."""
    width_seed, place_seed = tf.unstack(tf.random.split(seed, 2))
    width = tf.random.stateless_uniform(
        (), width_seed, 0, tf.minimum(most, size) + 1, tf.int32
    )
    first = tf.random.stateless_uniform(
        (), place_seed, 0, size - width + 1, tf.int32
    )
    places = tf.range(size)
    return (places >= first) & (places < first + width)


def _centered_hann(length: int, dtype: tf.DType) -> tf.Tensor:
    """Returns the short window in the middle of the transform's length."""
    left = (length - _WINDOW_SAMPLES) // 2
    right = length - _WINDOW_SAMPLES - left
    window = tf.signal.hann_window(_WINDOW_SAMPLES, dtype=dtype)
    return tf.pad(window, [[left, right]])
