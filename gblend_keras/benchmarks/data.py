"""What reading clips costs, measured: decoding, records, waiting, memory."""

import dataclasses
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras.benchmarks import frame_reading
from gblend_keras.benchmarks import record_workers
from gblend_keras.building import model_builder
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.data.annotations import manifest
from gblend_keras.data.records import preparation
from gblend_keras.data.records import record_index
from gblend_keras.data.sets import registry

MEMORY_PASSES = 10


def measure(
    recipe: config.Recipe,
    videos: Path,
    annotations: Path,
    *,
    rounds: int = 5,
) -> dict[str, Any]:
    """Measures how fast clips of a set of videos are read.

    Args:
        recipe: Says how clips are cut and what is trained; its records are
            made anew, in a temporary folder, frames at the recipe's size.
        videos: Folder of the videos.
        annotations: Their annotation file.
        rounds: Interleaved rounds of each comparison.

    Returns:
        "decoding": see `frame_reading.compare_reading`; "records": times of
        an epoch of clips from records and from the videos, and their ratio;
        "training": the share of an epoch that waits for input; "memory": of
        passes over the records; "workers": of preparing records of the usual
        size, see `record_workers`.

    Raises:
        ValueError: If a file is bad or `rounds` is out of range.
    """
    config.check_range("rounds", rounds, 1, 1000)
    found = manifest.read_manifest(
        recipe.data.manifest, annotations, videos=videos
    )
    paths = [videos / each.file for each in found.segments if each.file]
    settings = record_index.RecordSettings(
        short_side=max(*recipe.data.clips.jitter, recipe.data.clips.short_side),
        log_mel=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        preparation.prepare(
            found, videos=videos, out=folder, settings=settings, show=False
        )
        of_records, of_videos = (
            dataclasses.replace(
                recipe,
                data=dataclasses.replace(
                    recipe.data, dataset=kind, path=path, annotations=listed
                ),
            )
            for kind, path, listed in (
                ("records", folder, ""),
                ("videos", str(videos), str(annotations)),
            )
        )
        splits = registry.load(of_records.data, data_dir=None)
        return {
            "decoding": frame_reading.compare_reading(
                paths[:20], rounds=rounds
            ),
            "records": compare_sources(
                splits,
                registry.load(of_videos.data, data_dir=None),
                rounds=rounds,
            ),
            "training": waiting_share(of_records, splits, rounds=rounds),
            "memory": memory_of_passes(splits),
            "workers": record_workers.compare_workers(
                found, videos, rounds=min(rounds, 3)
            ),
        }


def compare_sources(
    of_records: example_set.Splits,
    of_videos: example_set.Splits,
    *,
    rounds: int,
) -> dict[str, float]:
    """Times an epoch of training clips from records and from the videos.

    In turns, in one process, after an epoch each that does not count.

    Args:
        of_records: The set as records.
        of_videos: The same as video files.
        rounds: Epochs of each.

    Returns:
        Median seconds of an epoch of each, and "ratio", the median over
        rounds of videos to records.
    """
    datasets = [
        datasets.make_training_dataset(splits.train, batch_size=8)
        for splits in (of_records, of_videos)
    ]
    for dataset in datasets:
        _seconds_of_pass(dataset)
    pairs = [
        [_seconds_of_pass(dataset) for dataset in datasets]
        for _ in range(rounds)
    ]
    return {
        "records_seconds": statistics.median(pair[0] for pair in pairs),
        "videos_seconds": statistics.median(pair[1] for pair in pairs),
        "ratio": statistics.median(two / one for one, two in pairs),
    }


def waiting_share(
    recipe: config.Recipe, splits: example_set.Splits, *, rounds: int
) -> dict[str, float]:
    """Measures which share of a training epoch is spent waiting for input.

    Every step's wait for its batch is timed, and every step: the loop asks
    the iterator for a batch, which the input pipeline prepares meanwhile, and
    runs the model's own compiled step to its end.

    Args:
        recipe: What is trained, on all heads.
        splits: Its data.
        rounds: Epochs; one before them does not count.

    Returns:
        Median "share" of waiting, and median seconds of an epoch.
    """
    model = model_builder.build_model(recipe, splits)
    dataset = datasets.make_training_dataset(
        splits.train, batch_size=recipe.data.batch_size
    )
    step = tf.function(model.train_step, reduce_retracing=True)
    shares, totals = [], []
    for _ in range(rounds + 1):
        waited, total = _epoch(step, dataset)
        shares.append(waited / total)
        totals.append(total)
    return {
        "share": statistics.median(shares[1:]),
        "epoch_seconds": statistics.median(totals[1:]),
    }


def _epoch(
    step: Callable[[Any], Any], dataset: tf.data.Dataset
) -> tuple[float, float]:
    """Trains an epoch; returns seconds that it waited, and took.

    The first batch of an epoch is not a wait of a step: nothing is there to
    be computed meanwhile. It counts in the total.
    """
    waited = 0.0
    begin = time.perf_counter()
    iterator = iter(dataset)
    batch = next(iterator)
    while batch is not None:
        logs = step(batch)
        _ = [value.numpy() for value in tf.nest.flatten(logs)]  # wait for it
        asked = time.perf_counter()
        batch = next(iterator, None)
        waited += time.perf_counter() - asked
    return waited, time.perf_counter() - begin


def memory_of_passes(splits: example_set.Splits) -> dict[str, float]:
    """Reads the training set again and again and looks at the memory.

    Args:
        splits: The set.

    Returns:
        MiB in use after the second pass and after the last.
    """
    dataset = datasets.make_training_dataset(splits.train, batch_size=8)
    used = []
    for _ in range(MEMORY_PASSES):
        _seconds_of_pass(dataset)
        used.append(_memory_mib())
    return {"after_pass_2": used[1], f"after_pass_{MEMORY_PASSES}": used[-1]}


def _seconds_of_pass(dataset: tf.data.Dataset) -> float:
    begin = time.perf_counter()
    for _ in dataset:
        pass
    return time.perf_counter() - begin


def _memory_mib() -> float:
    """Memory that the process holds now; its peak where that is not known."""
    status = Path("/proc/self/statm")
    if status.exists():
        pages = int(status.read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
