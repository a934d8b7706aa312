"""How fast frames are read, against a bare PyAV loop over the same files."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gblend_keras import config
from gblend_keras.data.media import containers
from gblend_keras.data.media import reader
from gblend_keras.data.media.containers import PathLike


def compare_reading(
    paths: Sequence[PathLike], *, short_side: int = 256, rounds: int = 5
) -> dict[str, Any]:
    """Times `media.read_frames` against decoding and resizing, no more.

    The bare loop decodes each file, scales each picture to the same size with
    one scaler a file and makes an array of it: the least that anyone can do
    with PyAV. It keeps no frame, knows no time stamp and no rotation. Both
    read each file in turns in one process, and the order changes from round
    to round; a first round warms up and does not count. The best time of each
    file counts, for whatever else runs on a machine can only add to it.

    Args:
        paths: Files to read whole, none of them rotated.
        short_side: Shorter side of the frames in pixels.
        rounds: How often everything is read by each. At least 1.

    Returns:
        Frames a second of both by the best times, and their `ratio`; beside
        it the `median_ratio` of the rounds, and the number of frames.

    Raises:
        ValueError: If there are no files or no rounds.
        MediaError: If a file cannot be read.
    """
    config.check_range("rounds", rounds, 1, 10**4)
    if not paths:
        raise ValueError(
            "`paths` is empty. Expected at least one video. "
            f"Received: paths={paths}. Name files that are there."
        )
    for path in paths:
        reader.probe(path)  # says what is wrong before anything is timed
    readers = (_read, _read_bare)
    seconds = np.zeros((rounds + 1, len(paths), 2))
    for turn, (place, path) in itertools.product(
        range(rounds + 1), enumerate(paths)
    ):
        for index in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            readers[index](path, short_side)
            seconds[turn, place, index] = time.perf_counter() - started
    num_frames = sum(_read_bare(path, short_side) for path in paths)
    seconds = seconds[1:]
    ours, bare = seconds.min(axis=0).sum(axis=0)
    totals = seconds.sum(axis=1)  # (rounds, 2)
    return {
        "ours_frames_a_second": float(num_frames / ours),
        "bare_frames_a_second": float(num_frames / bare),
        "ratio": float(bare / ours),
        "median_ratio": float(np.median(totals[:, 1] / totals[:, 0])),
        "num_frames": num_frames,
        "rounds": rounds,
    }


def _read(path: PathLike, short_side: int) -> int:
    return len(reader.read_frames(path, short_side=short_side).images)


def _read_bare(path: PathLike, short_side: int) -> int:
    av = containers.pyav()
    num_frames = 0
    with av.open(str(path)) as container:
        scaler = av.video.reformatter.VideoReformatter()
        for frame in container.decode(video=0):
            scale = short_side / min(frame.width, frame.height)
            width, height = (
                round(frame.width * scale),
                round(frame.height * scale),
            )
            scaler.reformat(frame, width, height, "rgb24").to_ndarray()
            num_frames += 1
    return num_frames
