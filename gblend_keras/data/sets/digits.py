"""The embedded set: handwritten digits with spoken digits, nothing downloaded.

What is real: the images. They are scikit-learn's `load_digits`: 1,797 digits of
8 x 8 pixels, written by people; it is the test part of UCI's "Optical
Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).

What is synthetic: the sound. espeak-ng speaks ten words with some 70 speakers'
voices and eight English accents; no person was recorded. Noise is added to both
modalities, or both were too easy to show anything. That an image and a word
belong together is made up as well: they share the class and nothing else.
So a result on this set shows that a method runs and how it behaves. It is no
evidence about real recordings.

The splits: the test split has other speakers' voices, variants of one name
kept together. Its images are other writers' as far as can be known:

- Known: UCI's documentation says that 13 people wrote these images, none of
  whom is in UCI's training part. It does not say who wrote which image.
- Seen in the labels: they run 14 times through the same sequence of about 130
  digits, as if every sheet was the same form filled in once (`SHEETS`). Within
  a sheet, images of a class resemble each other far more than between sheets.
- Assumed: a sheet has one writer. The splits cut between two sheets.
- Not known: as 14 sheets are more than 13 writers, one writer may have filled
  in two, or a sheet may be mixed; one writer may so be on both sides.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.data.sets import cache
from gblend_keras.data.sets import speech
from gblend_keras.data.sound import log_mel_picture
from gblend_keras.utils import optional

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

CLASS_NAMES = tuple("zero one two three four five six seven eight nine".split())

# The first image of each sheet: there the labels begin their sequence again.
SHEETS = (
    *(0, 130, 256, 386, 516, 646, 776),
    *(915, 1029, 1157, 1287, 1415, 1545, 1667),
)
FIRST_TEST_SHEET = 9  # 1,157 images to train with, 640 to test with

_FORMAT = 1  # Raise it when the same settings give other arrays: it rebuilds.
_CHUNK = 512  # utterances turned into log-mel at once; bounds the memory


@dataclasses.dataclass(frozen=True)
class DigitsConfig:
    """How large and how noisy the embedded set is.

    The noise was chosen so that small towers neither fail nor succeed on one
    modality alone, and so that the image's overfits much sooner than the
    sound's.

    Attributes:
        num_train: Pairs in the training split.
        num_test: Pairs in the test split.
        test_speakers: Share of the speakers that only the test split has.
        image_noise: Standard deviation of the noise on pixels of 0..1.
        sound_noise_db: Lowest and highest level of white noise, in decibels
            above the word's own; every utterance draws one in between.
        span_seconds: Length of the sound; the word starts anywhere in it, and
            what does not fit is cut off.
        log_mel: How sound becomes a picture.

    Raises:
        ValueError: If a value is out of its range.
    """

    num_train: int = 3600
    num_test: int = 1000
    test_speakers: float = 0.3
    image_noise: float = 0.45
    sound_noise_db: tuple[float, float] = (-12.0, 0.0)
    span_seconds: float = 0.64  # 19 of 20 words are shorter
    log_mel: log_mel_picture.LogMelSettings = dataclasses.field(
        default_factory=log_mel_picture.LogMelSettings
    )

    def __post_init__(self) -> None:
        num_classes = len(CLASS_NAMES)
        if min(self.num_train, self.num_test) < num_classes:
            raise ValueError(
                "`num_train` or `num_test` is too small. Expected both >= "
                f"{num_classes}. Received: num_train={self.num_train}, "
                f"num_test={self.num_test}. Give every class an example."
            )
        if not 0.1 <= self.test_speakers <= 0.9:
            raise ValueError(
                "`test_speakers` leaves a split few speakers. Expected 0.1 to "
                f"0.9. Received: test_speakers={self.test_speakers}. Use 0.3."
            )
        if self.log_mel.sample_rate_hz != speech.SAMPLE_RATE_HZ:
            raise ValueError(
                "`log_mel` has another sample rate than the speech. Expected "
                f"{speech.SAMPLE_RATE_HZ}. Received: sample_rate_hz="
                f"{self.log_mel.sample_rate_hz}. Leave the rate out."
            )
        low, high = self.sound_noise_db
        if self.image_noise < 0 or low > high or self.span_seconds <= 0:
            raise ValueError(
                "The noise or the span is out of range. Expected image_noise "
                ">= 0, sound_noise_db=(low, high) and span_seconds > 0. "
                f"Received: image_noise={self.image_noise}, sound_noise_db="
                f"{self.sound_noise_db}, span_seconds={self.span_seconds}. "
                "Leave them out to get the defaults."
            )


def load(
    *,
    cache_dir: str | Path | None = None,
    seed: int = 0,
    config: DigitsConfig | None = None,
) -> example_set.Splits:
    """Loads the embedded set; makes it first where it was not made before.

    Modalities: `image` `(8, 8, 1)`, pixels of 0..1 plus noise; `sound`
    `(32, 24, 1)`, log-mel of a noisy 0.64 s, scaled so that the training split
    has mean 0 and standard deviation 1. `group` numbers the speakers. Images
    recur, each time with other noise and another utterance.

    The same seed and settings give the same bits, in every process (the last
    bits may differ on another processor). The set is kept as one file in the
    cache folder: `cache_dir`, else the environment's `GBLEND_CACHE`, else
    `gblend_keras` in `XDG_CACHE_HOME` or in `~/.cache`. A file that is damaged
    or of another version is made again. Where the folder cannot be written, a
    warning is logged and the set is made anew each time.

    Args:
        cache_dir: The cache folder; None takes it from the environment.
        seed: Draws the speakers of the test split, the pairs and the noise.
        config: Sizes and noise; None is `DigitsConfig()`.

    Returns:
        The training and the test split. A holdout is yours to take.

    Raises:
        ImportError: If scikit-learn or espeakng-loader is not installed.
        ValueError: If `seed` is negative.
    """
    config = config or DigitsConfig()
    if seed < 0:
        raise ValueError(
            f"`seed` is negative. Expected >= 0. Received: seed={seed}. "
            "Use 0, 1, 2 and so on."
        )
    settings = {"format": _FORMAT, "seed": int(seed)}
    stored = cache.kept(
        "digits",
        key=json.dumps(settings | dataclasses.asdict(config), sort_keys=True),
        make=lambda: _make(seed, config),
        cache_dir=cache_dir,
    )
    return example_set.Splits(
        train=_split_of(stored, "train"),
        test=_split_of(stored, "test"),
        class_names=CLASS_NAMES,
    )


def _split_of(
    stored: dict[str, example_set.Array], split: str
) -> example_set.Examples:
    return example_set.Examples(
        x={name: stored[f"{split}_{name}"] for name in ("image", "sound")},
        y=stored[f"{split}_y"],
        group=stored[f"{split}_group"],
    )


def _make(seed: int, config: DigitsConfig) -> dict[str, example_set.Array]:
    """Makes both splits: `{split_modality: array}`."""
    rng = np.random.default_rng(seed)
    datasets = optional.load(
        "sklearn.datasets", extra="demo", purpose="The embedded set"
    )
    real = datasets.load_digits()
    pixels = (real.images[..., np.newaxis] / 16).astype(np.float32)  # 0..1
    labels = real.target.astype(np.int64)
    speakers = rng.permutation(len(_voices_by_speaker()))
    num_test = round(len(speakers) * config.test_speakers)
    cut = SHEETS[FIRST_TEST_SHEET]
    made: dict[str, example_set.Array] = {}
    for split, num_examples, images, its_speakers in (
        ("train", config.num_train, slice(0, cut), speakers[num_test:]),
        ("test", config.num_test, slice(cut, None), speakers[:num_test]),
    ):
        y = rng.permutation(np.arange(num_examples) % len(CLASS_NAMES))
        group = rng.choice(its_speakers, size=num_examples)
        of_class = [
            np.flatnonzero(labels[images] == c) for c in range(len(CLASS_NAMES))
        ]
        drawn = np.array([rng.choice(of_class[label]) for label in y])
        image = pixels[images][drawn]
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        made[f"{split}_image"] = image + np.float32(config.image_noise) * noise
        made[f"{split}_sound"] = _sounds(config, y, group, rng)
        made[f"{split}_y"], made[f"{split}_group"] = y, group
    mean, deviation = made["train_sound"].mean(), made["train_sound"].std()
    for split in ("train", "test"):
        made[f"{split}_sound"] = (made[f"{split}_sound"] - mean) / deviation
    return made


def _voices_by_speaker() -> list[list[str]]:
    by_speaker: dict[str, list[str]] = {}
    for voice in speech.voices():
        by_speaker.setdefault(speech.speaker(voice), []).append(voice)
    return [by_speaker[name] for name in sorted(by_speaker)]


def _sounds(
    config: DigitsConfig, y: IntArray, group: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Speaks each label in a voice of its speaker: `(N, frames, mel, 1)`."""
    voices = _voices_by_speaker()
    spoken = speech.speak(
        [
            speech.Utterance(
                text=CLASS_NAMES[label],
                voice=str(rng.choice(voices[number])),
                accent=str(rng.choice(speech.ACCENTS)),
                words_per_minute=int(rng.integers(130, 260)),
                pitch=int(rng.integers(20, 80)),
                pitch_range=int(rng.integers(20, 80)),
            )
            for label, number in zip(y, group, strict=True)
        ]
    )
    pictures = []
    for start in range(0, len(spoken), _CHUNK):
        sounds = [
            _noisy_sound(config, np.frombuffer(samples, np.int16), rng)
            for samples in spoken[start : start + _CHUNK]
        ]
        pictures.append(
            log_mel_picture.log_mel(np.stack(sounds), config.log_mel).numpy()
        )
    return np.concatenate(pictures)[..., np.newaxis]


def _noisy_sound(
    config: DigitsConfig,
    samples: npt.NDArray[np.int16],
    rng: np.random.Generator,
) -> FloatArray:
    """Places a word in the span, all words equally loud, and adds noise."""
    num_samples = round(config.span_seconds * speech.SAMPLE_RATE_HZ)
    word = samples[:num_samples].astype(np.float32)
    word /= np.sqrt(np.mean(word**2))
    start = rng.integers(0, num_samples - len(word) + 1)
    level = 10 ** (rng.uniform(*config.sound_noise_db) / 20)  # of amplitude
    noise = rng.standard_normal(num_samples, dtype=np.float32)
    sound = np.float32(level) * noise
    sound[start : start + len(word)] += word
    return sound
