"""The recipes on videos, at reduced size, on records of real clips."""

import csv
import dataclasses

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras import config
from gblend_keras.data.annotations import manifest
from gblend_keras.data.records import preparation
from gblend_keras.data.records import record_index
from gblend_keras.data.sets import registry
from tests.places import SHARED

GRID = SHARED / "media" / "grid"
pytestmark = pytest.mark.skipif(
    not GRID.is_dir(), reason="needs ../shared/media/grid"
)
NUM_TRAIN, NUM_TEST = 6, 2
SMALL = [
    "clips.num_frames=8",
    "clips.crop_size=32",
    "clips.jitter=32,36",
    "clips.short_side=32",
    "clips.clips_per_epoch=1",
    "data.batch_size=3",
]
# What makes the networks of a recipe small enough for a test.
SMALLER = {
    "kinetics_r3d50_av": ["towers.rgb.depth=18", "towers.audio.depth=18"],
    "kinetics_r3d50_rgb_flow_av": [
        "towers.rgb.depth=18",
        "towers.flow.depth=18",
        "towers.audio.depth=18",
    ],
    "kinetics_ipcsn152_av": ["towers.rgb.depth=50", "towers.audio.depth=18"],
    "sports1m_mini_av": ["towers.rgb.depth=18", "towers.audio.depth=18"],
    "audioset_r2plus1d101_av": [
        "towers.rgb.depth=18",
        "towers.audio.depth=18",
    ],
    "epic55_ipcsn152_av": ["towers.rgb.depth=50", "towers.audio.depth=18"],
    "grid_color_av": ["clips.stride=4"],
}

EVERY_DAY = ("kinetics_r3d50_av", "grid_color_av")  # the others take longer


def segments(multi_label):
    """A few clips, labelled for every kind of recipe."""
    with (GRID / "labels.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for number in range(NUM_TRAIN + NUM_TEST):
        classes = (number % 4, (number + 1) % 4)
        label = classes if multi_label else classes[:1]
        yield manifest.Segment(
            key=f"clip{number}",
            file=rows[7 * number]["file"],
            start_seconds=0.0,
            end_seconds=1.5,
            labels=dict.fromkeys(("label", "verb", "noun"), label),
            split="train" if number < NUM_TRAIN else "test",
            group=f"kitchen {number % 3}",
            where="made for a test",
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records with all that any recipe asks for."""
    folder = tmp_path_factory.mktemp("grid")
    for name, multi_label in (("single", False), ("multi", True)):
        made = manifest.Manifest(
            dataset=name,
            class_names=dict.fromkeys(("label", "verb", "noun"), tuple("bgrw")),
            segments=tuple(segments(multi_label)),
            multi_label=multi_label,
        )
        settings = record_index.RecordSettings(
            short_side=40,
            waveform=True,
            sample_rate_hz=24000,
            log_mel=True,
            flow="dis",
        )
        preparation.prepare(
            made,
            videos=GRID,
            out=folder / name,
            settings=settings,
            show=False,
        )
    return folder


def test_every_video_recipe_is_tested():
    on_videos = {
        name
        for name in gb.recipes.names()
        if gb.recipes.get(name).data.dataset in ("records", "videos")
    }
    assert set(SMALLER) == on_videos


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.large)
        for name in SMALLER
    ],
)
def test_recipe_trains_two_steps_from_records(folder, name):
    recipe = config.with_settings(gb.recipes.get(name), SMALL + SMALLER[name])
    stored = "multi" if name.startswith("audioset") else "single"
    data = dataclasses.replace(recipe.data, path=stored)
    splits = registry.load(data, data_dir=folder)
    model = gb.building.build_model(
        dataclasses.replace(recipe, data=data), splits
    )
    model.run_eagerly = True  # two steps: tracing would take longer
    before = [value.copy() for value in model.get_weights()]
    train = gb.make_training_dataset(splits.train, batch_size=3, seed=0)
    history = model.fit(train, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert int(model.optimizer.iterations) == 2
    changed = [
        not np.array_equal(one, other)
        for one, other in zip(before, model.get_weights(), strict=True)
    ]
    assert sum(changed) > len(changed) / 2
    predicted = model.predict(gb.make_dataset(splits.test), verbose=0)
    assert predicted["blend"].shape == (NUM_TEST, 4)


def test_papers_schedule_warms_up_and_drops_thrice():
    train = gb.recipes.get("kinetics_r3d50_av").train
    schedule = gb.building.make_schedule(train, num_replicas=8)
    rates = [schedule.schedule(epoch, 0.0) for epoch in range(45)]
    # 0.01 a replica, 8 replicas; a tenth of it in the first of 10 epochs.
    assert rates[0] == pytest.approx(0.008)
    assert rates[9] == rates[19] == pytest.approx(0.08)
    for drop, epoch in enumerate((20, 30, 40), start=1):
        assert rates[epoch] == pytest.approx(0.08 * 0.1**drop)
        assert rates[epoch - 1] == pytest.approx(0.08 * 0.1 ** (drop - 1))
