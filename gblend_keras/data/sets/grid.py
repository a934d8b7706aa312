"""GRID talker s1: 25 spoken letters, as lip video and as sound.

Real, synchronised speech and video of one talker (Cooke, Barker, Cunningham &
Shao, JASA 120:2421, 2006), in the `.npz` form of the folder `grid_s1_av`.
"""

from pathlib import Path

import numpy as np

from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.sets import class_list

NUM_FRAMES = 12  # 0.48 s around the letter
ROWS_PER_FRAME = 4  # log-mel rows, 10 ms each; frames are 40 ms


def load(folder: str | Path) -> example_set.Splits:
    """Loads the letter task: three modalities around the spoken letter.

    `video` is the mouth, grey, shape (12, 32, 48, 1), 0 to 255; `motion` the
    difference of successive frames, of the same shape; `sound` the log-mel
    rows of the same 0.48 s, shape (48, 40, 1).

    Args:
        folder: The folder with train.npz, val.npz, test.npz, classes.json.

    Returns:
        The splits; `validation` is val.npz.

    Raises:
        ValueError: If a file is missing, damaged or lacks an array.
    """
    root = Path(folder)
    parts = {
        name: _examples(root / f"{name}.npz")
        for name in ("train", "val", "test")
    }
    return example_set.Splits(
        train=parts["train"],
        test=parts["test"],
        validation=parts["val"],
        class_names=class_list.read(root / "classes.json", "letter"),
    )


def _examples(path: Path) -> example_set.Examples:
    stored = npz.read_npz(path)
    needed = ("video", "logmel", "y_letter", "word_times")
    npz.check_names(path, stored, needed)
    # The window of a clip: the letter is the fourth of six words.
    center = stored["word_times"][:, 3].mean(axis=1)
    last = stored["video"].shape[1] - NUM_FRAMES
    first = np.clip(np.round(center - NUM_FRAMES / 2), 0, last).astype(int)
    video = _windows(stored["video"], first, NUM_FRAMES)
    padded = np.pad(stored["logmel"], ((0, 0), (0, 4), (0, 0)), mode="edge")
    sound = _windows(
        padded, first * ROWS_PER_FRAME, NUM_FRAMES * ROWS_PER_FRAME
    )
    motion = np.diff(video.astype(np.float32), axis=1, prepend=video[:, :1])
    return example_set.Examples(
        x={
            "video": video[..., None],
            "motion": motion.astype(np.int16)[..., None],
            "sound": sound.astype(np.float32)[..., None],
        },
        y=stored["y_letter"].astype(np.int64),
    )


def _windows(
    array: example_set.Array, first: np.ndarray, length: int
) -> example_set.Array:
    rows = first[:, None] + np.arange(length)
    return np.take_along_axis(
        array, rows.reshape(*rows.shape, *[1] * (array.ndim - 2)), axis=1
    )
