"""Spoken words: the same ones give the same samples, whatever came before."""

import sys
import types

import numpy as np
import pytest

from gblend_keras.data.sets import speech

WORDS = [
    speech.Utterance("three", "f1"),
    speech.Utterance("seven", "whisper", accent="en-us", pitch=70),
    speech.Utterance("zero", "Mr serious", accent="en-gb-scotland"),
]


def _samples(spoken: bytes) -> np.ndarray:
    return np.frombuffer(spoken, np.int16)


def test_same_words_give_the_same_samples():
    # Each call is a fresh program, so this compares two processes.
    assert speech.speak(WORDS) == speech.speak(WORDS)


def test_earlier_words_do_not_depend_on_later_ones():
    assert speech.speak(WORDS)[:2] == speech.speak(WORDS[:2])


def test_every_voice_speaks_in_every_accent():
    accents = speech.ACCENTS
    spoken = speech.speak(
        [
            speech.Utterance("nine", voice, accents[number % len(accents)])
            for number, voice in enumerate(speech.voices())
        ]
    )
    for samples in map(_samples, spoken):
        assert np.abs(samples.astype(int)).max() > 1000  # not silent
        assert 0.1 < len(samples) / speech.SAMPLE_RATE_HZ < 1.5


def test_accents_and_voices_all_sound_different():
    utterances = [
        *(speech.Utterance("four", "f1", accent) for accent in speech.ACCENTS),
        *(speech.Utterance("four", voice) for voice in speech.voices()[:9]),
    ]
    assert len(set(speech.speak(utterances))) == len(utterances)


def test_faster_speech_is_shorter():
    slow, fast = speech.speak(
        [
            speech.Utterance("seven", "Alex", words_per_minute=100),
            speech.Utterance("seven", "Alex", words_per_minute=300),
        ]
    )
    assert len(fast) < 0.6 * len(slow)


def test_nothing_to_say_gives_nothing():
    assert speech.speak([]) == []


def test_numbered_variants_of_a_name_are_one_speaker():
    assert speech.speaker("steph3") == speech.speaker("steph")
    assert speech.speaker("mike2") == speech.speaker("Mike")
    assert speech.speaker("f1") != speech.speaker("f2")


def test_voices_are_many_and_have_no_klatt_synthesiser():
    voices = speech.voices()
    assert len({speech.speaker(voice) for voice in voices}) >= 60
    assert list(voices) == sorted(set(voices))
    assert not any(voice.startswith("klatt") for voice in voices)


@pytest.mark.parametrize(
    "utterance",
    [
        speech.Utterance("one", "nobody"),
        speech.Utterance("one", "f1", accent="fr"),
    ],
)
def test_unknown_voice_or_accent_lists_the_known_ones(utterance):
    with pytest.raises(ValueError, match="Take a name from this list."):
        speech.speak([utterance])


def test_utterance_without_sound_is_an_error():
    with pytest.raises(RuntimeError, match="Install the package .* again."):
        speech.speak([speech.Utterance("", "f1")])


def test_missing_package_gives_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ImportError, match=r"pip install .gblend_keras\[demo\]"):
        speech.voices()


def test_broken_library_is_an_error(monkeypatch, tmp_path):
    loader = speech._loader()
    broken = tmp_path / "libespeak-ng.so"
    broken.write_bytes(b"not a library")
    fake = types.SimpleNamespace(
        get_library_path=lambda: str(broken),
        get_data_path=loader.get_data_path,
    )
    monkeypatch.setitem(sys.modules, "espeakng_loader", fake)
    with pytest.raises(RuntimeError, match="Install the package .* again."):
        speech.speak(WORDS)


def test_long_path_of_the_package_does_no_harm(monkeypatch, tmp_path):
    loader = speech._loader()
    folder = tmp_path / ("long" * 50) / ("longer" * 30)
    folder.mkdir(parents=True)
    data = folder / "espeak-ng-data"
    data.symlink_to(loader.get_data_path())
    fake = types.SimpleNamespace(
        get_library_path=loader.get_library_path,
        get_data_path=lambda: str(data),
    )
    expected = speech.speak(WORDS)
    monkeypatch.setitem(sys.modules, "espeakng_loader", fake)
    assert speech.speak(WORDS) == expected
