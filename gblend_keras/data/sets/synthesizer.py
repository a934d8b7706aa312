"""espeak-ng as a program: what to speak comes in, samples go out.

`speech` runs this file. It imports the standard library alone, and nothing of
this package, so that it starts fast.
"""

import ctypes
import json
import os
import sys
from typing import Any
from typing import NamedTuple

SAMPLE_RATE_HZ = 22050  # of every espeak-ng voice that is not MBROLA's

# Constants of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_SAMPLES_READY = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Utterance(NamedTuple):
    """One word, and how it is spoken."""

    text: str
    voice: str  # one of `voices()`
    accent: str = "en"  # one of `ACCENTS`
    words_per_minute: int = 175  # 80 to 450
    pitch: int = 50  # 0 to 100
    pitch_range: int = 50  # 0 (monotone) to 100


class _Synthesizer:
    """The espeak-ng library, loaded into this process. Make one at most."""

    def __init__(self, library_path: str) -> None:
        self._library = ctypes.CDLL(library_path)
        # Held here, or Python frees it while C still calls it.
        self._collector = _SAMPLES_READY(self._collect)
        self._chunks: list[bytes] = []
        rate = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, b".", _INITIALIZE_DONT_EXIT
        )
        if rate != SAMPLE_RATE_HZ:
            raise RuntimeError(f"espeak_Initialize gave {rate}.")
        self._library.espeak_SetSynthCallback(self._collector)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else the clock

    def speak(self, utterance: Utterance) -> bytes:
        """Returns the samples of one utterance."""
        library, text = self._library, utterance.text.encode()
        name = f"{utterance.accent}+{utterance.voice}".encode()
        statuses = (
            library.espeak_SetVoiceByName(name),
            library.espeak_SetParameter(_RATE, utterance.words_per_minute, 0),
            library.espeak_SetParameter(_PITCH, utterance.pitch, 0),
            library.espeak_SetParameter(_RANGE, utterance.pitch_range, 0),
            library.espeak_Synth(
                text,
                ctypes.c_size_t(len(text) + 1),
                *(0, 0, 0),  # from the start, to the end
                _CHARS_UTF8,
                None,
                None,
            ),
            library.espeak_Synchronize(),
        )
        samples = b"".join(self._chunks)
        self._chunks.clear()
        if any(statuses) or not any(samples):
            raise RuntimeError(f"{utterance} gave {statuses} or is silent.")
        return samples

    def _collect(self, samples: Any, num_samples: int, _: Any) -> int:
        if samples and num_samples > 0:
            self._chunks.append(
                ctypes.string_at(samples, num_samples * 2)  # 16 bits each
            )
        return 0  # go on


def _main() -> None:
    """Reads what to speak from stdin; writes sizes, then all samples."""
    order = json.load(sys.stdin)
    synthesizer = _Synthesizer(order["library"])
    spoken = [
        synthesizer.speak(Utterance(*fields)) for fields in order["utterances"]
    ]
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(json.dumps([len(samples) for samples in spoken]).encode())
        out.write(b"\n")
        out.writelines(spoken)


if __name__ == "__main__":
    _main()
