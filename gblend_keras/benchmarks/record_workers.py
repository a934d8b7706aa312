"""How much faster more workers prepare the same records, measured."""

import dataclasses
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from gblend_keras import config
from gblend_keras.data.annotations import segments
from gblend_keras.data.records import preparation
from gblend_keras.data.records.record_format import RecordSettings

_SHARDS = 8  # several a worker, or the last one alone would decide


def compare_workers(
    manifest: segments.Manifest,
    videos: str | os.PathLike[str],
    *,
    settings: RecordSettings | None = None,
    num_workers: int = 2,
    rounds: int = 3,
) -> dict[str, float]:
    """Prepares a set with one worker and with several, in turn.

    The first, unmeasured run brings the files into memory. Other work on the
    machine takes from both alike only as long as processors are free; the
    processor time tells whether they were.

    Args:
        manifest: What to prepare; some tens of clips.
        videos: Where the videos are.
        settings: What to store; None is frames of the usual size, waveform
            and log-mel.
        num_workers: Compared with one.
        rounds: How often each is run.

    Returns:
        "speedup", the median over rounds of the ratio of times; the medians
        "seconds_1" and "seconds_<num_workers>", and of the processor time that
        each took, "cpu_seconds_1" and "cpu_seconds_<num_workers>".

    Raises:
        ValueError: If `rounds` or `num_workers` is out of its range.
    """
    config.check_range("rounds", rounds, 1, 100)
    config.check_range("num_workers", num_workers, 2, 1024)
    settings = settings or RecordSettings(waveform=True, log_mel=True)
    settings = dataclasses.replace(settings, num_shards=_SHARDS)
    _timed(manifest, videos, settings, num_workers)
    taken: dict[int, list[tuple[float, float]]] = {1: [], num_workers: []}
    for _ in range(rounds):
        for count, times in taken.items():
            times.append(_timed(manifest, videos, settings, count))
    ratios = (
        one / several
        for (one, _), (several, _) in zip(
            taken[1], taken[num_workers], strict=True
        )
    )
    figures = {"speedup": statistics.median(ratios)}
    for count, times in taken.items():
        wall, processor = zip(*times, strict=True)
        figures[f"seconds_{count}"] = statistics.median(wall)
        figures[f"cpu_seconds_{count}"] = statistics.median(processor)
    return figures


def _timed(
    manifest: segments.Manifest,
    videos: str | os.PathLike[str],
    settings: RecordSettings,
    num_workers: int,
) -> tuple[float, float]:
    """Prepares once; returns seconds by the clock and of the processors."""
    with tempfile.TemporaryDirectory() as folder:
        begin, used = time.perf_counter(), _processor_seconds()
        preparation.prepare(
            manifest,
            videos=videos,
            out=Path(folder) / "records",
            settings=settings,
            num_workers=num_workers,
            show=False,
        )
        return time.perf_counter() - begin, _processor_seconds() - used


def _processor_seconds() -> float:
    """Of this process and of the workers that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = [resource.getrusage(kind) for kind in kinds]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
