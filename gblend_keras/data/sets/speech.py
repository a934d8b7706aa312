"""Speech: words spoken by espeak-ng, in a process of its own.

espeak-ng (package `espeakng-loader`) is a formant synthesiser: no recording of
a person is in it. Its library keeps state from one utterance to the next
(phases, flutter, noise), which starting it again does not clear, so what it
says depends on all that it said before. Hence each call of `speak` runs
`synthesizer` as a fresh program: the same list gives the same samples, bit for
bit, whatever else the caller's process did with espeak-ng; and a crash or an
exit in the library ends that program, not the caller's.
"""

import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras.data.sets import synthesizer
from gblend_keras.utils import optional

Utterance = synthesizer.Utterance
SAMPLE_RATE_HZ = synthesizer.SAMPLE_RATE_HZ

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
        [sys.executable, "-I", synthesizer.__file__],
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
    return optional.load(
        "espeakng_loader", extra="demo", purpose="The embedded set"
    )
