"""Sound: from waveforms to the pictures that networks take."""

from .log_mel_picture import LogMelSettings as LogMelSettings
from .log_mel_picture import log_mel as log_mel
from .spectrogram import epic_spectrogram as epic_spectrogram
from .spectrogram import epic_window as epic_window
from .spectrogram import spec_augment as spec_augment
from .vmz_picture import vmz_log_mel as vmz_log_mel
