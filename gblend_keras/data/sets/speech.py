"""Speech: words spoken by espeak-ng, in a process of its own.

espeak-ng (package `espeakng-loader`) is a formant synthesiser: no recording of
a person is in it. Its library keeps state from one utterance to the next
(phases, flutter, noise), which starting it again does not clear, so what it
says depends on all that it said before. Hence each call of `speak` runs this
file as a fresh program: the same list gives the same samples, bit for bit,
whatever else the caller's process did with espeak-ng; and a crash or an exit
in the library ends that program, not the caller's.

This file imports the standard library alone, so that it starts fast.
"""

import ctypes
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

SAMPLE_RATE_HZ = 22050  # of every espeak-ng voice that is not MBROLA's

# espeak-ng's names of its English accents.
ACCENTS = (
    "en",  # Great Britain
    "en-029",  # Caribbean
    "en-gb-scotland",
    "en-gb-x-gbclan",  # Lancaster
    "en-gb-x-gbcwmd",  # West Midlands
    "en-gb-x-rp",  # Received Pronunciation
    "en-us",
    "en-us-nyc",
)

INSTALL_HINT = (
    "The embedded set needs {package}, which is not installed. "
    'Run: pip install "gblend_keras[demo]"'
)

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


def voices() -> tuple[str, ...]:
    """Lists the voices: espeak-ng's variants, sorted.

    Variants that use one of its Klatt synthesisers are left out. Their noise
    comes from the C library's `rand`, which differs between systems.

    Raises:
        ImportError: If espeakng-loader is not installed.
    """
    variants = Path(_loader().get_data_path()) / "voices" / "!v"
    return tuple(
        sorted(
            path.name
            for path in variants.iterdir()
            if b"\nklatt" not in path.read_bytes()
        )
    )


def speaker(voice: str) -> str:
    """Names whom a voice imitates: `steph2` and `steph3` are `steph`.

    The numbered variants of one name are near copies of each other. `f1` to
    `f5` and `m1` to `m8` are not: there the number is the name.
    """
    name = voice.rstrip("0123456789")
    return voice if len(name) == 1 else name.lower()


def speak(utterances: Sequence[Utterance]) -> list[bytes]:
    """Speaks a list of utterances.

    Args:
        utterances: What to speak. The order matters: see the module.

    Returns:
        The samples of each utterance: signed 16-bit integers in this machine's
        byte order, `SAMPLE_RATE_HZ` a second, silence at the end included.

    Raises:
        ImportError: If espeakng-loader is not installed.
        ValueError: If a voice or accent is unknown.
        RuntimeError: If espeak-ng fails, or says nothing.
    """
    known = voices()  # espeak-ng itself speaks an unknown variant as no variant
    for utterance in utterances:
        for field, names in (("voice", known), ("accent", ACCENTS)):
            if getattr(utterance, field) not in names:
                raise ValueError(
                    f"`{field}` is unknown. Expected one of {list(names)}. "
                    f"Received: {field}={getattr(utterance, field)!r}. "
                    "Take a name from this list."
                )
    loader = _loader()
    order = {"library": loader.get_library_path(), "utterances": utterances}
    spoken = subprocess.run(
        [sys.executable, "-I", __file__],
        input=json.dumps(order).encode(),
        capture_output=True,
        cwd=loader.get_data_path(),  # espeak-ng cuts long paths: it gets "."
        check=False,
    )
    sizes, _, samples = spoken.stdout.partition(b"\n")
    ends = list(itertools.accumulate(json.loads(sizes or b"[]"), initial=0))
    if spoken.returncode or ends[-1] != len(samples):
        raise RuntimeError(
            "espeak-ng failed. Expected samples of "
            f"{len(utterances)} utterances. Received: exit status "
            f"{spoken.returncode}, {spoken.stderr.decode(errors='replace')!r}. "
            "Install the package espeakng-loader again."
        )
    return [
        samples[start:end] for start, end in zip(ends, ends[1:], strict=False)
    ]


def _loader() -> Any:
    try:
        import espeakng_loader
    except ImportError as error:
        raise ImportError(
            INSTALL_HINT.format(package="espeakng-loader")
        ) from error
    return espeakng_loader


class _Synthesiser:
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
    synthesiser = _Synthesiser(order["library"])
    spoken = [
        synthesiser.speak(Utterance(*fields)) for fields in order["utterances"]
    ]
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(json.dumps([len(samples) for samples in spoken]).encode())
        out.write(b"\n")
        out.writelines(spoken)


if __name__ == "__main__":
    _main()
