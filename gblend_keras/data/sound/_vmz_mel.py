"""VMZ's log-mel picture of sound in NumPy: what it is made of, and itself.

`audio_vmz` computes the same in TensorFlow, for use inside `tf.data`. Worker
processes that prepare records take this one: TensorFlow would take each of
them seconds and 600 MB to load.
"""

import functools

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16000
WINDOW_SAMPLES = 256  # 16 ms, also the points of the Fourier transform
STEP_SAMPLES = 160  # 10 ms
ROW_RATE_HZ = SAMPLE_RATE_HZ / STEP_SAMPLES
NUM_MEL_BINS = 40
GAIN = 1080674186.3482928  # VMZ's factor on energies of -1..1 samples
_NUM_BINS = WINDOW_SAMPLES // 2 + 1


def log_mel(waveform: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Computes what `audio_vmz.vmz_log_mel` does, which says what that is.

    Args:
        waveform: Shape `(samples,)`, 16 kHz, one channel, -1..1.

    Returns:
        Shape `(rows, 40)`.

    Raises:
        ValueError: If the waveform has another number of axes.
    """
    sound = np.asarray(waveform, np.float64)
    if sound.ndim != 1:
        raise ValueError(
            "`waveform` is not a sound. Expected an array (samples,) at "
            f"{SAMPLE_RATE_HZ} Hz. Received: shape={sound.shape}. "
            "Mix channels to one."
        )
    if len(sound) <= WINDOW_SAMPLES:
        return np.zeros((0, NUM_MEL_BINS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(
        sound[:-1], WINDOW_SAMPLES
    )[::STEP_SAMPLES]
    spectra = np.fft.rfft(windows * np.hanning(WINDOW_SAMPLES))  # (T, 129)
    # Not a product of matrices: BLAS would take all processors from the other
    # workers, and its rounding depends on their number.
    energies = GAIN * np.einsum(
        "tb,bm->tm", np.abs(spectra) ** 2, mel_filters()
    )
    loud = np.log(np.maximum(energies, np.e))
    return np.where(energies > np.e, loud, energies / np.e).astype(np.float32)


@functools.cache
def mel_filters() -> npt.NDArray[np.float64]:
    """Returns VMZ's mel filters for a power spectrum of 129 bins.

    Returns:
        Shape `(129, 40)`, read-only. Row 128 is row 0, see
        `audio_vmz.vmz_log_mel`.
    """
    highest_mel = float(1127 * np.log1p(SAMPLE_RATE_HZ / 2 / 700))
    edges_mel = np.linspace(0, highest_mel, NUM_MEL_BINS + 2)
    edges_hz = 700 * np.expm1(edges_mel / 1127)
    edges = edges_hz / (SAMPLE_RATE_HZ / 2 / _NUM_BINS)  # in bins
    start, middle, end = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(_NUM_BINS)[:, None]
    rising = (middle - bins) / np.maximum(middle - start, 1)
    falling = (bins - middle) / np.maximum(end - middle, 1)
    height = np.maximum(1 - np.where(bins < middle, rising, falling), 0)
    last = np.minimum(end.astype(int) + 1, _NUM_BINS - 1)
    height[(bins < start.astype(int)) | (bins > last)] = 0
    filters = height / height.sum(axis=0)
    filters[bins >= last] = 0
    filters[-1] = filters[0]  # the packed transform's first bin
    filters.setflags(write=False)
    return filters
