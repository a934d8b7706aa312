"""A tiny set of videos, as files and as records; frames say their number."""

import numpy as np

from gblend_keras import config
from gblend_keras.data.annotations import manifest
from gblend_keras.data.records import preparation
from gblend_keras.data.records import record_index
from tests.data import clip_files

NUM_FRAMES = 30
RATE_HZ = 10
SECONDS = NUM_FRAMES / RATE_HZ
TRAIN, TEST = 8, 4
CLIPS = config.ClipConfig(
    num_frames=4,
    stride=2,
    crop_size=32,
    jitter=(32, 36),
    short_side=32,
    shuffle_buffer=4,
)


def write(folder, *, num_shards=2, **settings):
    """Writes videos and their records; returns the folder of both."""
    videos = folder / "videos"
    videos.mkdir()
    times = np.arange(NUM_FRAMES) * 1000 // RATE_HZ
    lines = ["file,label,split,group"]
    for row in range(TRAIN + TEST):
        # A tone of its own tells which video a sound is from.
        tone = clip_files.tone(SECONDS, 16000, hertz=300.0 * (row + 1))
        name = f"v{row:02}.mp4"
        clip_files.write_clip(
            videos / name, times, size=(48, 64), sound=(tone, 16000, "aac", 0.0)
        )
        split = "train" if row < TRAIN else "test"
        lines.append(f"{name},class {row % 2},{split},{row // 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    wanted = record_index.RecordSettings(
        **{"short_side": 40, "log_mel": True, "num_shards": num_shards}
        | settings
    )
    preparation.prepare(
        manifest.read_manifest("csv", folder / "labels.csv", videos=videos),
        videos=videos,
        out=folder / "records",
        settings=wanted,
        show=False,
    )
    return folder


def data_config(kind, **changes):
    """The data part of a recipe on such a folder."""
    paths = {"records": "records", "videos": "videos"}
    return config.DataConfig(
        **{
            "dataset": kind,
            "path": paths[kind],
            "annotations": "labels.csv" if kind == "videos" else "",
            "clips": CLIPS,
            "batch_size": 3,
        }
        | changes
    )
