"""Sound as VMZ, the code of the paper's authors, feeds it to its networks."""

import functools

import numpy as np
import tensorflow as tf

from gblend_keras.data.sound import _vmz_mel

NUM_ROWS = 100  # of a clip


def vmz_log_mel(waveform: tf.Tensor) -> tf.Tensor:
    """Turns a waveform into VMZ's log-mel rows.

    Windows of 16 ms every 10 ms, symmetric Hann, power spectrum, 40 triangular
    filters up to 8 kHz, then with x the energy times `mel.GAIN`

        log_mel = log(x) if x > e else x / e

    so that silence is 0 and the curve has no kink. A window that would reach
    the last sample is left out, as VMZ does: `ceil((samples - 256) / 160)`
    rows. Works eagerly and inside `tf.data`.

    The windows and the transform are `tf.signal`'s, in float64 so that quiet
    bands beside loud ones keep their digits. `tfio.audio` cannot express the
    rest: its spectrogram is of magnitudes, with a periodic window and a padded
    end; its mel scale (`tf.signal.linear_to_mel_weight_matrix`) is triangular
    in mel, not in frequency, drops the lowest bin, and does not normalise.

    Source: facebookresearch/VMZ, ops/LogMels.cc, with its oddities: bins are
    8000 / 129 Hz apart for the filters, the lowest bin also holds the highest
    one's power (a packed transform), triangles are at least one bin wide to
    each side, and the highest bin counts in the last filter's norm alone.

    Args:
        waveform: Shape `(samples,)`, floating, 16 kHz, one channel, -1..1.

    Returns:
        Shape `(rows, 40)`, float32.

    Raises:
        ValueError: If the waveform has another number of axes or is not
            floating.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> one_second = tf.sin(tf.range(16000.0) * 0.1)
        >>> sound.vmz_log_mel(one_second).shape
        TensorShape([99, 40])
    """
    waveform = checked_waveform(waveform, _vmz_mel.SAMPLE_RATE_HZ)
    spectra = tf.signal.stft(
        tf.cast(waveform, tf.float64)[:-1],
        frame_length=_vmz_mel.WINDOW_SAMPLES,
        frame_step=_vmz_mel.STEP_SAMPLES,
        fft_length=_vmz_mel.WINDOW_SAMPLES,
        window_fn=functools.partial(tf.signal.hann_window, periodic=False),
    )  # (T, 129)
    power = tf.math.real(spectra) ** 2 + tf.math.imag(spectra) ** 2
    energies = _vmz_mel.GAIN * tf.linalg.matmul(
        power, _vmz_mel.mel_filters()
    )  # (T, 40)
    loud = tf.math.log(tf.maximum(energies, np.e))
    return tf.cast(tf.where(energies > np.e, loud, energies / np.e), tf.float32)


def stretch_rows(
    log_mel: tf.Tensor,
    num_frames: tf.Tensor | int,
    clip_start: tf.Tensor | int,
    clip_frames: tf.Tensor | int,
    rows: int = NUM_ROWS,
) -> tf.Tensor:
    """Takes the rows of a clip, stretched so that they span just the clip.

    The log-mel of the whole video is stretched to `rows` rows per clip length,
    and the clip's own are taken:

        total = num_frames * rows // clip_frames
        first = clip_start * total // num_frames

    VMZ calls this alignment mode 1, "perfect". Stretching interpolates
    linearly, shrinking takes the nearest row. Rows behind the video's end, and
    all rows of a video without sound, are 0, which is silence. Works eagerly
    and inside `tf.data`; only the rows of the clip are computed.

    Source: facebookresearch/VMZ, ops/av_io.cc, and OpenCV's `resize`.
    Ours: the nearest row is found in integers, where OpenCV's rounding errors
    may take the row before.

    Args:
        log_mel: Shape `(T, bins)`: the whole video's.
        num_frames: Frames of the video, at least 1.
        clip_start: First frame of the clip.
        clip_frames: Frames that the clip spans: their number times the stride.
        rows: Rows to return.

    Returns:
        Shape `(rows, bins)`, as `log_mel`'s type.

    Raises:
        ValueError: If `log_mel` has another number of axes, or a plain number
            is out of range.
    """
    log_mel = tf.convert_to_tensor(log_mel)
    if log_mel.shape.rank != 2:
        raise ValueError(
            "`log_mel` is not a log-mel picture. Expected shape (T, bins). "
            f"Received: shape={log_mel.shape}. Pass one video's, unbatched."
        )
    plain = [
        number if isinstance(number, int) else 1  # a tensor is not looked into
        for number in (num_frames, clip_start, clip_frames)
    ]
    if plain[0] < 1 or plain[1] < 0 or plain[2] < 1:
        raise ValueError(
            "`num_frames`, `clip_start` or `clip_frames` is out of range. "
            "Expected num_frames >= 1, clip_start >= 0, clip_frames >= 1. "
            f"Received: {plain[0]}, {plain[1]}, {plain[2]}. "
            "Count frames of the video; videos have at least one."
        )
    num_frames, clip_start, clip_frames = (
        tf.cast(value, tf.int64)
        for value in (num_frames, clip_start, clip_frames)
    )
    total = num_frames * rows // clip_frames
    wanted = clip_start * total // num_frames + tf.range(rows, dtype=tf.int64)
    stretched = _resized_rows(log_mel, total, wanted)
    inside = (wanted < total) & (tf.shape(log_mel)[0] > 0)
    return tf.where(inside[:, None], stretched, tf.zeros_like(stretched))


def checked_waveform(waveform: tf.Tensor, sample_rate_hz: int) -> tf.Tensor:
    """Returns one channel of sound as a tensor.

    Args:
        waveform: Shape `(samples,)`, floating.
        sample_rate_hz: What it should have, for the message.

    Raises:
        ValueError: If it has another number of axes or is not floating.
    """
    waveform = tf.convert_to_tensor(waveform)
    if waveform.shape.rank != 1 or not waveform.dtype.is_floating:
        raise ValueError(
            "`waveform` is not a sound. Expected a floating tensor (samples,) "
            f"at {sample_rate_hz} Hz. Received: shape={waveform.shape}, "
            f"dtype={waveform.dtype.name}. "
            "Mix channels to one and divide 16-bit samples by 32768."
        )
    return waveform


def _resized_rows(
    log_mel: tf.Tensor, total: tf.Tensor, wanted: tf.Tensor
) -> tf.Tensor:
    """Returns some rows of `log_mel` resized to `total` rows."""
    size = tf.shape(log_mel, out_type=tf.int64)[0]
    filled = tf.pad(log_mel, [[0, tf.maximum(1 - size, 0)], [0, 0]])
    last = tf.maximum(size - 1, 0)
    total = tf.maximum(total, 1)
    scale = tf.cast(size, tf.float64) / tf.cast(total, tf.float64)
    place = tf.cast(  # OpenCV computes in float32 from here on
        (tf.cast(wanted, tf.float64) + 0.5) * scale - 0.5, tf.float32
    )
    lower = tf.floor(place)
    share = tf.cast(place - lower, log_mel.dtype)[:, None]
    before, after = (
        tf.gather(filled, tf.clip_by_value(tf.cast(at, tf.int64), 0, last))
        for at in (lower, lower + 1)
    )
    nearest = tf.gather(filled, tf.minimum(wanted * size // total, last))
    return tf.where(
        total >= size, before * (1 - share) + after * share, nearest
    )
