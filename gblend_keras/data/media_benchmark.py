"""How fast frames are read, against a bare PyAV loop over the same files."""

import statistics
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from gblend_keras import config
from gblend_keras.data import containers
from gblend_keras.data import media
from gblend_keras.data.containers import PathLike


def compare_reading(
    paths: Sequence[PathLike], *, short_side: int = 256, rounds: int = 5
) -> dict[str, Any]:
    """Times `media.read_frames` against decoding and resizing, no more.

    The bare loop decodes each file, scales each picture to the same size with
    one scaler a file and makes an array of it: the least that anyone can do
    with PyAV. It keeps no frame, knows no time stamp and no rotation. Both
    run in turns in one process; the order changes from round to round, and
    a first round warms up and does not count.

    Args:
        paths: Files to read whole, none of them rotated.
        short_side: Shorter side of the frames in pixels.
        rounds: How often everything is read by each. At least 1.

    Returns:
        Frames a second of both (medians over the rounds), the median of the
        rounds' ratios, the ratios themselves, and the number of frames.

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
    readers = {"ours": _read, "bare": _read_bare}
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(rounds + 1):
        for name in sorted(readers, reverse=turn % 2 == 0):
            rate, num_frames = _timed(readers[name], paths, short_side)
            rates[name].append(rate)
    ours, bare = rates["ours"][1:], rates["bare"][1:]
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    return {
        "ours_frames_a_second": statistics.median(ours),
        "bare_frames_a_second": statistics.median(bare),
        "median_ratio": statistics.median(ratios),
        "ratios": ratios,
        "num_frames": num_frames,
    }


def _timed(
    read: Callable[[PathLike, int], int],
    paths: Sequence[PathLike],
    short_side: int,
) -> tuple[float, int]:
    """Frames a second, and how many there were."""
    started = time.perf_counter()
    num_frames = sum(read(path, short_side) for path in paths)
    return num_frames / (time.perf_counter() - started), num_frames


def _read(path: PathLike, short_side: int) -> int:
    return len(media.read_frames(path, short_side=short_side).images)


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
