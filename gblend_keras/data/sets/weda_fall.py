"""WEDA-FALL: 19 daily activities and falls, from a watch with three sensors.

Real recordings of 25 people (github.com/joaojtmarques/WEDA-FALL), in the
`.npz` form of the folder `weda_fall`. The test people are not the training
people: hold out by group. The elderly did 6 of the 19 activities and no fall,
so people who are held out must include a young one;
`data.holdout_indices` draws them so.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.sets import class_list

SENSORS = ("accelerometer", "gyroscope", "orientation")


def load(folder: str | Path) -> example_set.Splits:
    """Loads the trials: 563 of 15 people to train, 406 of 10 others to test.

    Each trial is 128 frames long, whatever time it took. `accelerometer` is in
    m/s2 with gravity in it, shape (128, 3); `gyroscope` turning, presumably in
    rad/s, shape (128, 3); `orientation` a quaternion, shape (128, 4).

    Ours: a quaternion and its negative are the same orientation, and which of
    them is stored differs from trial to trial. Here the first component of
    the first frame is positive (the next one where it is 0), and each further
    frame has the sign that is nearer to the frame before it.

    Args:
        folder: The folder with train.npz, test.npz and classes.json.

    Returns:
        The splits, with the person as group.

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
    npz.check_names(path, stored, (*SENSORS, "y", "subject"))
    x = {name: stored[name].astype(np.float32) for name in SENSORS}
    x["orientation"] = canonical(x["orientation"])
    return example_set.Examples(
        x=x, y=stored["y"].astype(np.int64), group=stored["subject"]
    )


def canonical(
    quaternions: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Chooses the sign of each quaternion of a series.

    Args:
        quaternions: Shape `(N, frames, 4)`.

    Returns:
        The same orientations: each quaternion, or its negative.
    """
    start = quaternions[:, 0]  # (N, 4)
    first = np.argmax(start != 0, axis=1)  # its first component that is not 0
    begin = np.take_along_axis(start, first[:, None], axis=1)  # (N, 1)
    steps = (quaternions[:, 1:] * quaternions[:, :-1]).sum(axis=2)
    sides = np.concatenate([begin, steps], axis=1) < 0  # (N, frames)
    signs = np.cumprod(np.where(sides, -1, 1), axis=1).astype(np.float32)
    return quaternions * signs[..., None]
