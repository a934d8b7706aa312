"""Sound: from a waveform to a log-mel picture."""

import dataclasses
import warnings

import tensorflow as tf

with warnings.catch_warnings():
    # Its compiled part loads on TensorFlow 2.16-2.17 only; elsewhere it warns.
    # What is used here is plain TensorFlow and works everywhere.
    warnings.simplefilter("ignore")
    import tensorflow_io as tfio


@dataclasses.dataclass(frozen=True)
class LogMelSettings:
    """How a waveform becomes a log-mel picture.

    The defaults suit single spoken words: time steps short enough for a
    plosive, few enough numbers for a small network.

    Attributes:
        sample_rate_hz: Samples of the waveform in a second.
        window_seconds: Length of the Hann window.
        step_seconds: Time between two frames.
        fft_size: Points of the Fourier transform, at least the window.
        num_mel_bins: Mel bands, the columns of the picture.
        low_hz: Lower edge of the lowest band.
        high_hz: Upper edge of the highest band, at most half the sample rate.
        log_offset: Added to the mel energies before the logarithm; energies
            far below it all look alike. Positive.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> settings = sound.LogMelSettings(num_mel_bins=64, step_seconds=0.02)
        >>> sound.log_mel(tf.zeros(16000), settings).shape
        TensorShape([37, 64])
    """

    sample_rate_hz: int = 22050  # what espeak-ng gives
    window_seconds: float = 0.03
    step_seconds: float = 0.02
    fft_size: int = 1024
    num_mel_bins: int = 24
    low_hz: float = 80.0
    high_hz: float = 8000.0
    log_offset: float = 0.01

    def __post_init__(self) -> None:
        if self.sample_rate_hz < 1 or self.num_mel_bins < 1:
            raise ValueError(
                "`sample_rate_hz` or `num_mel_bins` is too small. Expected "
                f"both >= 1. Received: sample_rate_hz={self.sample_rate_hz}, "
                f"num_mel_bins={self.num_mel_bins}. Use positive numbers."
            )
        if self.step_samples < 1 or self.window_samples < 1:
            raise ValueError(
                "`window_seconds` or `step_seconds` is too short. Expected at "
                f"least {1 / self.sample_rate_hz} (one sample). Received: "
                f"window_seconds={self.window_seconds}, "
                f"step_seconds={self.step_seconds}. Give seconds, such as 0.02."
            )
        if self.fft_size < self.window_samples:
            raise ValueError(
                "`fft_size` is smaller than the window. Expected at least "
                f"{self.window_samples}. Received: fft_size={self.fft_size}. "
                "Take the next power of two."
            )
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                "`low_hz` and `high_hz` span no band of this sound. Expected "
                f"0 <= low_hz < high_hz <= {self.sample_rate_hz / 2}. "
                f"Received: low_hz={self.low_hz}, high_hz={self.high_hz}. "
                "Lower `high_hz` to half the sample rate."
            )
        if not self.log_offset > 0:
            raise ValueError(
                "`log_offset` is not positive. Expected > 0. "
                f"Received: log_offset={self.log_offset}. "
                "Silence has no logarithm without it; use 0.01."
            )

    @property
    def window_samples(self) -> int:
        """The window's length in samples."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def step_samples(self) -> int:
        """The time between two frames in samples."""
        return round(self.step_seconds * self.sample_rate_hz)

    def num_frames(self, num_samples: int) -> int:
        """Counts the frames of a waveform; the last ones reach past its end."""
        return -(-num_samples // self.step_samples)


def log_mel(
    waveform: tf.Tensor, settings: LogMelSettings | None = None
) -> tf.Tensor:
    """Turns waveforms into log-mel pictures.

    The magnitudes of a short-time Fourier transform, summed into mel bands:

        log_mel = log(|STFT| @ mel_bands + log_offset)

    Works eagerly and inside `tf.data`. The waveform's end is padded with
    silence, so that every sample is in a frame.

    Args:
        waveform: Shape `(samples,)` or `(batch, samples)`, floating, usually
            within -1..1.
        settings: How; None is `LogMelSettings()`.

    Returns:
        Shape `(frames, num_mel_bins)` or `(batch, frames, num_mel_bins)`,
        float32, natural logarithms.

    Raises:
        ValueError: If the waveform has another number of axes, or is not
            floating.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import sound
        >>> one_second = tf.sin(tf.range(16000.0) * 0.1)
        >>> sound.log_mel(one_second).shape
        TensorShape([37, 24])
    """
    settings = settings or LogMelSettings()
    waveform = tf.convert_to_tensor(waveform)
    if waveform.shape.rank not in (1, 2) or not waveform.dtype.is_floating:
        raise ValueError(
            "`waveform` is not a sound. Expected a floating tensor "
            "(samples,) or (batch, samples). Received: shape="
            f"{waveform.shape}, dtype={waveform.dtype.name}. "
            "Mix channels to one and divide 16-bit samples by 32768."
        )
    magnitudes = tfio.audio.spectrogram(
        tf.cast(waveform, tf.float32),
        nfft=settings.fft_size,
        window=settings.window_samples,
        stride=settings.step_samples,
    )  # (..., T, fft_size // 2 + 1)
    energies = tfio.audio.melscale(
        magnitudes,
        rate=settings.sample_rate_hz,
        mels=settings.num_mel_bins,
        fmin=settings.low_hz,
        fmax=settings.high_hz,
    )  # (..., T, M)
    return tf.math.log(energies + settings.log_offset)
