"""A manifest and a folder of videos -> a folder of records.

Source of the idea: MediaPipe's MediaSequence. The format stands in
docs/records.md.
"""

import contextlib
import dataclasses
import os
import signal
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import logging

from gblend_keras import config
from gblend_keras.data.annotations import segments
from gblend_keras.data.media import containers
from gblend_keras.data.records import _image_encoder
from gblend_keras.data.records import _output_folder
from gblend_keras.data.records import _segment_encoder
from gblend_keras.data.records import _shard
from gblend_keras.data.records import _shard_plan
from gblend_keras.data.records.record_format import RecordSet
from gblend_keras.data.records.record_format import RecordSettings
from gblend_keras.data.records.record_format import Shard
from gblend_keras.data.records.record_index import FAILURES
from gblend_keras.utils import processes
from gblend_keras.utils import progress

# Deaths that a damaged file can bring about; any other has another cause.
_CRASHES = tuple(
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP")
)


def prepare(
    manifest: segments.Manifest,
    *,
    videos: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: RecordSettings | None = None,
    num_workers: int = 1,
    show: bool = True,
) -> RecordSet:
    """Writes the videos of a manifest as TFRecord shards.

    A run that was killed goes on where it was: shards that are finished stay,
    the others are made, and the bytes are those of an unbroken run. Videos
    that cannot be used are left out and listed in `failures.csv`.

    Worker processes are spawned: a script that calls this needs
    `if __name__ == "__main__":` around its work.

    Args:
        manifest: What to store; see `manifest.read_manifest`.
        videos: Folder that the segments' files are in.
        out: Folder to write; empty, new, or of this very run.
        settings: What to store of each video; None is `RecordSettings()`.
        num_workers: Processes that decode.
        show: False for no progress bar.

    Returns:
        What the folder holds.

    Raises:
        ValueError: If an argument is wrong, `out` is in use, or it holds
            another run.
        ImportError: If PyAV or OpenCV is missing.
        OSError: If a shard cannot be written; none is left half written.
        RuntimeError: If a worker process dies twice at one video, killed from
            outside (memory runs out, say).

    Example:
        >>> import tempfile
        >>> from gblend_keras.data import annotations
        >>> from gblend_keras.data import records
        >>> manifest = annotations.read_manifest(
        ...     "csv", "labels.csv", videos="videos"
        ... )
        >>> out = tempfile.mkdtemp()
        >>> found = records.prepare(
        ...     manifest, videos="videos", out=out, show=False
        ... )
        >>> len(found.examples("train")), found.failures()
        (8, ())
    """
    settings = settings or RecordSettings()
    config.check_range("num_workers", num_workers, 1, 1024)
    if not Path(videos).is_dir():
        raise ValueError(
            "`videos` is no folder. Expected the folder that holds the "
            f"videos. Received: videos={str(videos)!r}. Check the path."
        )
    containers.pyav()  # both say how to install them
    _image_encoder.opencv()
    encoder = _segment_encoder.Encoder(
        manifest.dataset, Path(videos), settings, manifest.class_names
    )
    with _output_folder.locked(Path(out)), _named(Path(out)):
        folder = _output_folder.OutputFolder(
            Path(out), _shard_plan.identity(manifest, settings)
        )
        plan = _shard_plan.planned(manifest, settings)
        made = folder.finished()
        missing = [each for each in plan if each.file not in made]
        if missing:
            folder.begin()
            made |= _make(missing, encoder, folder, num_workers, show)
        record_set = RecordSet(
            folder=Path(out),
            dataset=manifest.dataset,
            settings=settings,
            class_names=manifest.class_names,
            multi_label=manifest.multi_label,
            splits={
                split: tuple(made[e.file] for e in plan if e.split == split)
                for split in dict.fromkeys(each.split for each in plan)
            },
        )
        if not folder.complete():
            folder.finish(record_set)
        return record_set


@contextlib.contextmanager
def _named(out: Path) -> Iterator[None]:
    """Lets an error of writing say where, and what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror or error}. `out` cannot be written; no shard is "
            "left half written. Free some space, or repair it, and the same "
            "command goes on from here. Received: out",
            str(out),
        ) from error


def summary(record_set: RecordSet) -> str:
    """Returns what a folder holds and what it lacks, in a few lines."""
    lines = []
    for split, parts in record_set.splits.items():
        size = sum(part.num_bytes for part in parts) / 2**20
        count = len(record_set.examples(split))
        lines.append(
            f"{split}: {count} examples in {len(parts)} shards, {size:.1f} MiB"
        )
    reasons = Counter(each.reason for each in record_set.failures())
    listed = ", ".join(
        f"{reason} {count}" for reason, count in reasons.most_common()
    )
    lines.append(
        f"not stored: {reasons.total()}"
        + (f" ({listed}), see {FAILURES}" if reasons else "")
    )
    return "\n".join(lines)


def check_failures(
    record_set: RecordSet, max_failures: int | None = None
) -> None:
    """Raises when too much of a data set could not be stored.

    Args:
        record_set: What `prepare` returned.
        max_failures: How many failures are accepted; None for any number, as
            long as there is an example.

    Raises:
        ValueError: If there are more, or no example at all.
    """
    failures = len(record_set.failures())
    examples = sum(len(record_set.examples(each)) for each in record_set.splits)
    if not examples:
        raise ValueError(
            "No video could be stored. Expected at least 1 example. Received: "
            f"{failures} failures. See {record_set.folder / FAILURES}."
        )
    if max_failures is not None and failures > max_failures:
        raise ValueError(
            f"Too many videos could not be stored. Expected at most "
            f"{max_failures}. Received: {failures} failures. "
            f"See {record_set.folder / FAILURES}."
        )


def _make(
    missing: Sequence[_shard_plan.PlannedShard],
    encoder: _segment_encoder.Encoder,
    folder: _output_folder.OutputFolder,
    num_workers: int,
    show: bool,
) -> dict[str, Shard]:
    """Makes the missing shards; returns them by file name."""
    tasks = [
        _shard.ShardTask(folder.path / each.file, encoder, each.segments)
        for each in missing
    ]
    total = sum(len(each.segments) for each in missing)
    with progress.make_bar(total, "preparing", unit="video", show=show) as bar:
        listener = Listener(folder, bar)
        processes.run(
            _shard.make_shard,
            tasks,
            listener,
            num_workers=num_workers,
            prepare=_shard.set_up_process,
        )
    return listener.made


class Listener:
    """Keeps what is finished, moves the bar, decides about deaths."""

    def __init__(self, folder: _output_folder.OutputFolder, bar: Any) -> None:
        self.made: dict[str, Shard] = {}
        self._folder = folder
        self._bar = bar
        self._begun: Counter[Path] = Counter()  # segments of unfinished shards
        self._deaths: Counter[str] = Counter()

    def on_step(self, task: _shard.ShardTask, step: str) -> None:
        if self._begun[task.path]:  # the one before is done
            self._bar.update()
        self._begun[task.path] += 1

    def on_done(self, task: _shard.ShardTask, result: Shard) -> None:
        self._folder.keep(result)
        self.made[result.file] = result
        self._bar.update()

    def on_death(
        self, task: _shard.ShardTask, step: str | None, exit_code: int
    ) -> _shard.ShardTask:
        """Tries once more; then the video is the cause, or nobody knows."""
        how = _how(exit_code)
        if step is None:
            raise RuntimeError(
                f"A worker process {how} before its first video. Expected it "
                "to start. See its message above; a script that prepares needs "
                '`if __name__ == "__main__":` around its work.'
            )
        self._bar.update(1 - self._begun.pop(task.path))
        self._deaths[step] += 1
        if self._deaths[step] == 1:
            logging.warning("A worker %s at %s; trying again.", how, step)
            return task
        if -exit_code not in _CRASHES:
            raise RuntimeError(
                f"A worker process {how} twice at {step}. Expected it to run. "
                "When memory is short, use fewer workers, or set max_seconds. "
                "The same command goes on from here."
            )
        message = (
            f"Decoding it ended the process twice ({how}). Expected a video "
            "that FFmpeg decodes. Convert it with ffmpeg, or leave it out."
        )
        return dataclasses.replace(
            task, crashes={**task.crashes, step: message}
        )


def _how(exit_code: int) -> str:
    """Says how a process ended."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
