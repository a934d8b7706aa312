"""Which segment goes to which shard, and what makes two runs the same."""

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from gblend_keras.data.annotations import segments
from gblend_keras.data.records.record_format import RecordSettings

_SEGMENTS_A_SHARD = 64  # some 300 MB of ten-second clips at short side 256


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """A shard to be.

    Attributes:
        file: Its name.
        split: Whose examples it holds.
        segments: What belongs into it, in order.
    """

    file: str
    split: str
    segments: tuple[segments.Segment, ...]


def planned(
    manifest: segments.Manifest, settings: RecordSettings
) -> tuple[PlannedShard, ...]:
    """Deals the segments of each split to its shards.

    The order is that of the checksums of the keys: as good as shuffled, so
    that classes listed one after the other do not share a shard, and the same
    on every machine.

    Args:
        manifest: The segments.
        settings: `num_shards` counts.

    Returns:
        The shards, split by split; each has at least one segment.
    """
    plan = []
    for split in segments.SPLITS:
        ordered = sorted(
            manifest.in_split(split),
            key=lambda each: hashlib.sha256(each.key.encode()).digest(),
        )
        count = settings.num_shards or -(-len(ordered) // _SEGMENTS_A_SHARD)
        count = min(count, len(ordered))
        for number in range(count):
            first = number * len(ordered) // count
            last = (number + 1) * len(ordered) // count
            plan.append(
                PlannedShard(
                    file=f"{split}-{number:05d}-of-{count:05d}.tfrecord",
                    split=split,
                    segments=tuple(ordered[first:last]),
                )
            )
    return tuple(plan)


def identity(
    manifest: segments.Manifest, settings: RecordSettings
) -> dict[str, Any]:
    """Returns, as plain values, all that the shards' bytes depend on.

    Which file was found for a segment counts, what is in the file does not.
    """
    digest = hashlib.sha256()
    digest.update(
        json.dumps(
            {task: list(names) for task, names in manifest.class_names.items()},
            sort_keys=True,
        ).encode()
    )
    for segment in manifest.segments:
        # All but where it is listed: another line, or file, changes nothing.
        values = [
            segment.key,
            segment.file,
            segment.start_seconds,
            segment.end_seconds,
            dict(segment.labels),
            segment.split,
            segment.group,
        ]
        digest.update(json.dumps(values, sort_keys=True).encode())
    packages = ["av"]  # whose version can change a byte
    if settings.log_mel:
        packages.append("numpy")
    if settings.pictures:
        packages.append(_opencv_package())
    return {
        "dataset": manifest.dataset,
        "multi_label": manifest.multi_label,
        "settings": dataclasses.asdict(settings),
        "segments_sha256": digest.hexdigest(),
        "versions": {
            name: importlib.metadata.version(name) for name in packages
        },
    }


def differences(
    found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> list[str]:
    """Names what differs between two runs, each as "name: found, wanted"."""
    different = []
    for name in sorted({*found, *wanted}):
        old, new = found.get(name), wanted.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            different += differences(old, new)
        elif old != new and name == "segments_sha256":
            different.append("the annotations, or which videos were found")
        elif old != new:
            different.append(f"{name}: {old!r} there, {new!r} now")
    return different


def _opencv_package() -> str:
    """OpenCV comes in several packages, with or without windows."""
    for name in ("opencv-python-headless", "opencv-python"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        return name
    return "opencv-contrib-python"
