"""AV-MNIST: handwritten digits with real spoken digits, made hard.

Real recordings of six people (Free Spoken Digit Dataset) and real images
(MNIST), in the `.npz` form of the folder `avmnist`. That an image and a
recording belong together is made up: they share the digit and nothing else.

Source: Vielzeuf et al., ECCV workshops 2018 (CentralNet): of the images a
quarter of the energy is kept by PCA; noise is added to the sound.
Ours: other recordings than theirs, as the set that they took has no free
licence; white noise in place of ESC-50's; log-mel with 24 bands.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.sound import log_mel_picture

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

CLASS_NAMES = tuple(str(digit) for digit in range(10))
ENERGY_KEPT = 0.25  # CentralNet's
NOISE_DB = (0.0, 12.0)  # above the word's own level
TEST_REPEATS = 3  # test recordings are few: each meets as many images
LOG_MEL = log_mel_picture.LogMelSettings(
    sample_rate_hz=8000, fft_size=256, high_hz=4000.0
)
_SEED = 20180715  # of the pairs and the noise: the set is one set
_CHUNK = 512  # recordings turned into log-mel at once; bounds the memory


def load(folder: str | Path) -> example_set.Splits:
    """Loads the pairs: 2,700 to train with, 900 to test with.

    `image` has what a quarter of the energy leaves of 28 x 28 pixels of 0..1,
    shape (28, 28, 1); `sound` is log-mel of one second with noise, 0 to 12 dB
    above the word, shape (50, 24, 1). Each training recording is used once,
    each test recording three times, with another image and other noise.

    The test has other recordings and other writers, but the same six
    speakers.

    Args:
        folder: The folder with train.npz and test.npz.

    Returns:
        The splits, the same each time.

    Raises:
        ValueError: If a file is missing, damaged or lacks an array.
    """
    root = Path(folder)
    train, test = (_stored(root / f"{name}.npz") for name in ("train", "test"))
    pixels = _pixels(train["image"])  # (N, 784)
    mean: FloatArray = pixels.mean(axis=0)
    # The fewest components that have a quarter of the energy.
    energies, vectors = np.linalg.eigh(np.cov(pixels - mean, rowvar=False))
    share = np.cumsum(energies[::-1]) / energies.sum()
    number = int(np.searchsorted(share, ENERGY_KEPT)) + 1
    components: FloatArray = vectors[:, ::-1][:, :number].astype(np.float32)
    return example_set.Splits(
        train=_examples(train, mean, components, repeats=1, seed=_SEED),
        test=_examples(
            test, mean, components, repeats=TEST_REPEATS, seed=_SEED + 1
        ),
        class_names=CLASS_NAMES,
    )


def _stored(path: Path) -> dict[str, example_set.Array]:
    stored = npz.read_npz(path)
    needed = ("audio", "audio_len", "audio_y", "image", "image_y")
    npz.check_names(path, stored, needed)
    missing = set(stored["audio_y"].tolist()) - set(stored["image_y"].tolist())
    if missing:
        raise ValueError(
            f"{path} has digits without an image. Expected images of all "
            f"digits that are spoken. Received: none of {sorted(missing)}. "
            "Restore the file."
        )
    return stored


def _examples(
    stored: dict[str, example_set.Array],
    mean: FloatArray,
    components: FloatArray,
    *,
    repeats: int,
    seed: int,
) -> example_set.Examples:
    rng = np.random.default_rng(seed)
    recordings = np.repeat(np.arange(len(stored["audio_y"])), repeats)
    y = stored["audio_y"][recordings].astype(np.int64)
    images = pairs(y, stored["image_y"].astype(np.int64), rng)
    centered = _pixels(stored["image"][images]) - mean
    kept = centered @ components @ components.T + mean
    return example_set.Examples(
        x={
            "image": kept.reshape(-1, 28, 28, 1).astype(np.float32),
            "sound": _sound(
                stored["audio"][recordings],
                stored["audio_len"][recordings],
                rng,
            ),
        },
        y=y,
    )


def pairs(
    labels: IntArray, image_labels: IntArray, rng: np.random.Generator
) -> IntArray:
    """Draws an image of the same class for each label.

    None is drawn twice before all of its class were drawn.

    Args:
        labels: Shape `(N,)`.
        image_labels: Shape `(images,)`, with every class of `labels`.
        rng: Draws.

    Returns:
        Rows of the images, shape `(N,)`.
    """
    rows = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        found = rng.permutation(np.flatnonzero(image_labels == label))
        rows[places] = np.resize(found, len(places))
    return rows


def _pixels(images: example_set.Array) -> FloatArray:
    flat: FloatArray = images.reshape(len(images), -1).astype(np.float32)
    return flat / np.float32(255)


def _sound(
    recordings: example_set.Array,
    lengths: example_set.Array,
    rng: np.random.Generator,
) -> FloatArray:
    """Adds noise at a level drawn for each recording; gives log-mel."""
    parts = []
    for start in range(0, len(recordings), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        waves = recordings[chunk].astype(np.float32) / 32768
        spoken = np.maximum(lengths[chunk].astype(np.float32), 1)
        level = np.sqrt((waves**2).sum(axis=1) / spoken)  # of the word alone
        gain = 10 ** (rng.uniform(*NOISE_DB, len(waves)) / 20)
        noise = rng.standard_normal(waves.shape, np.float32)
        noisy = waves + (level * gain).astype(np.float32)[:, None] * noise
        noisy /= np.sqrt((noisy**2).mean(axis=1, keepdims=True)) + 1e-6
        parts.append(log_mel_picture.log_mel(0.1 * noisy, LOG_MEL).numpy())
    pictures: FloatArray = np.concatenate(parts)[..., None]
    return pictures
