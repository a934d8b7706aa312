"""UTD-MHAD: 27 actions as depth video, skeleton and inertial sensor.

Real, synchronised recordings of 8 people (Chen, Jafari & Kehtarnavaz, ICIP
2015), in the `.npz` form of the folder `utd_mhad`. The test people are not
the training people: hold out by group.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.sets import class_list

SKELETON_STEPS = 64
INERTIAL_STEPS = 128


def load(folder: str | Path) -> example_set.Splits:
    """Loads the cross-subject split: train 1, 3, 5, 7; test 2, 4, 6, 8.

    `depth` has 24 frames as channels, shape (60, 40, 24), 0 to 255;
    `skeleton` 20 joints relative to the first frame's hip, in metres, shape
    (64, 60); `inertial` acceleration in g and turning in deg/s, shape (128,
    6). Recordings differ in length: both series are stretched to one length.

    Args:
        folder: The folder with train.npz, test.npz and classes.json.

    Returns:
        The splits, with the subject as group.

    Raises:
        ValueError: If a file is missing, damaged or lacks an array.
    """
    root = Path(folder)
    return example_set.Splits(
        train=_examples(root / "train.npz"),
        test=_examples(root / "test.npz"),
        class_names=class_list.read(root / "classes.json"),
    )


def _examples(path: Path) -> example_set.Examples:
    stored = npz.read_npz(path)
    npz.check_names(
        path,
        stored,
        (
            "depth",
            "skeleton",
            "skeleton_len",
            "inertial",
            "inertial_len",
            "y",
            "subject",
        ),
    )
    joints = stored["skeleton"].astype(np.float64)
    joints = joints - joints[:, :1, :1, :]  # the hip, where it began
    return example_set.Examples(
        x={
            "depth": np.moveaxis(stored["depth"], 1, -1).copy(),
            "skeleton": _stretched(
                joints.reshape(*joints.shape[:2], -1),
                stored["skeleton_len"],
                SKELETON_STEPS,
            ),
            "inertial": _stretched(
                stored["inertial"], stored["inertial_len"], INERTIAL_STEPS
            ),
        },
        y=stored["y"].astype(np.int64),
        group=stored["subject"],
    )


def _stretched(
    series: example_set.Array, lengths: example_set.Array, steps: int
) -> npt.NDArray[np.float32]:
    """Resamples each example's real rows to `steps` rows, linearly."""
    result = np.empty((len(series), steps, series.shape[2]), np.float32)
    for row, length in enumerate(lengths.astype(int)):
        place = np.linspace(0, length - 1, steps)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, length - 1)
        share = (place - low)[:, None]
        values = series[row].astype(np.float64)
        result[row] = values[low] * (1 - share) + values[high] * share
    return result
