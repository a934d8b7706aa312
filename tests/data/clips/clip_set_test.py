"""Clips of records and of videos: what is cut, in which order, how often."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.data import batches
from gblend_keras.data import training_set
from gblend_keras.data.clips import footage
from gblend_keras.data.clips import transforms
from gblend_keras.data.sets import registry
from gblend_keras.distribution import batch_slices
from gblend_keras.training import failures
from gblend_keras.utils.signals import RunError
from tests.data import recorded

KINDS = ("records", "videos")
# A frame of 64 columns has stripes of 8; at 43 columns, of which the middle
# 32 are kept, stripe k is around column 5.3 * (k + 0.5) - 5.
STRIPES = [int(5.33 * (stripe + 0.5) - 5.33) for stripe in range(1, 7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recorded.write(tmp_path_factory.mktemp("clips"))


def load(folder, kind, **changes):
    settings = recorded.data_config(kind)
    cut = dataclasses.replace(settings.clips, **changes)
    return registry.load(
        dataclasses.replace(settings, clips=cut), data_dir=folder, seed=0
    )


def everything(dataset):
    parts = [(x["rgb"].numpy(), x["audio"].numpy(), y) for x, y in dataset]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def numbers(clip):
    """What stripes the frames of a normalised clip show, left to right."""
    picture = clip * np.array(transforms.VMZ_DEVIATION) + np.array(
        transforms.VMZ_MEAN
    )
    gray = picture.mean(axis=(1, 3))  # (T, 32): columns 5 to 36 of 43
    return [tuple(frame[STRIPES] > 128) for frame in gray]


def read_number(number):
    """The stripes in the middle of a frame with this number."""
    return tuple(bool(number >> bit & 1) for bit in range(1, 7))


@pytest.mark.parametrize("kind", KINDS)
def test_measured_clip_is_the_middle_of_the_video(folder, kind):
    test = load(folder, kind).test
    rgb, audio, y = everything(gb.make_dataset(test, batch_size=3))
    assert rgb.shape == (4, 4, 32, 32, 3) and audio.shape == (4, 100, 40, 1)
    assert y.tolist() == test.y.tolist()
    assert np.bincount(y).tolist() == [2, 2]
    # 30 frames and a span of 4 * 2: the clip begins at (30 - 8) // 2 = 11.
    shown = [numbers(clip) for clip in rgb]
    wanted = [read_number(number) for number in (11, 13, 15, 17)]
    assert shown == [wanted] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_spread_over_the_video_and_averaged_by_it(folder, kind):
    test = load(folder, kind).test.with_views(3, 3)
    assert len(test) == 4 * 9 and test.num_views == 9
    assert test.video.tolist() == np.repeat(range(4), 9).tolist()
    dataset = gb.make_dataset(test, batch_size=5)
    assert int(dataset.cardinality()) == 8  # 36 views in fives
    rgb, audio, y = everything(dataset)
    assert y.tolist() == test.y.tolist()
    views = audio.reshape(4, 3, 3, -1)
    assert (views[:, :, 0] == views[:, :, 1]).all()  # crops share the sound
    assert not (rgb[0] == rgb[1]).all()  # but not the picture
    assert not (rgb[0] == rgb[3]).all()  # nor do clips


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_memory", [False, True])
def test_an_epoch_is_a_function_of_seed_and_epoch(folder, kind, in_memory):
    train = load(folder, kind, in_memory=in_memory).train
    dataset = gb.make_training_dataset(train, batch_size=3, seed=5)
    feed = dataset.training_set
    first, second = everything(dataset), everything(dataset)
    assert sorted(first[2]) == sorted(second[2]) == sorted(train.y)
    assert not (first[0] == second[0]).all()
    feed.start_epoch(0)
    for one, again in zip(first, everything(dataset), strict=True):
        np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_a_worker_cuts_the_clips_of_its_own_slices_alone(
    folder, kind, training, monkeypatch
):
    splits = load(folder, kind)
    if training:
        whole = gb.make_training_dataset(splits.train, batch_size=3, seed=5)
        feed = whole.training_set
    else:
        whole = gb.make_dataset(splits.test.with_views(2, 3), batch_size=5)
    expected = list(whole)
    name, cut = "training_clip" if training else "evaluation_clip", []
    cut_one = getattr(footage, name)

    def counted(*arguments):
        tf.py_function(lambda: cut.append(1), [], [])
        return cut_one(*arguments)

    monkeypatch.setattr(footage, name, counted)
    if training:
        feed.start_epoch(0)
    mine = batches.cut_into_slices(
        training_set.as_dataset(whole),
        lambda part: batch_slices.slices(part, range(1, 2), 2),
    )
    found = list(mine)
    assert len(found) == len(expected)
    for (x, y), (all_x, all_y) in zip(found, expected, strict=True):
        own = slice(len(all_y) // 2, None)
        np.testing.assert_array_equal(y, all_y[own])
        for modality in x:
            np.testing.assert_array_equal(x[modality], all_x[modality][own])
    assert len(cut) == sum(len(y) for _, y in found)


def test_clips_of_an_epoch_are_counted_and_differ(folder):
    train = load(folder, "records", clips_per_epoch=3).train
    dataset = gb.make_training_dataset(train, batch_size=4, seed=5)
    rgb, _, y = everything(dataset)
    assert len(y) == 3 * recorded.TRAIN
    assert np.bincount(y).tolist() == [12, 12]
    assert len(np.unique(rgb.reshape(len(rgb), -1), axis=0)) == len(rgb)


def test_held_out_videos_are_never_trained_on(folder):
    train = load(folder, "records").train
    dataset, held = gb.split_holdout(
        train, 0.25, seed=0, groups=train.group, batch_size=3
    )
    rows = held.rows
    assert len(rows) == 2
    assert len(everything(dataset)[2]) == recorded.TRAIN - 2
    kept = set(dataset.training_set.rows) | set(rows)
    assert kept == set(range(recorded.TRAIN))


def test_records_and_videos_show_the_same(folder):
    rgb, audio, _ = everything(gb.make_dataset(load(folder, "records").test))
    rgb_of_videos, audio_of_videos, _ = everything(
        gb.make_dataset(load(folder, "videos").test)
    )
    # Records are in an order of their own: the tone says which is which.
    distance = np.abs(audio[:, None] - audio_of_videos[None]).mean((2, 3, 4))
    partner = distance.argmin(axis=1)
    assert sorted(partner) == [0, 1, 2, 3]
    assert distance.min(axis=1).max() < 0.05  # the sounds end alike
    # JPEG and two scalings against one: alike, not equal.
    assert np.abs(rgb - rgb_of_videos[partner]).mean() < 0.15


def test_a_clip_longer_than_the_video_repeats_the_last_frame(folder):
    long = {"num_frames": 20, "stride": 2, "crop_size": 32}
    for kind in KINDS:
        rgb, _, _ = everything(gb.make_dataset(load(folder, kind, **long).test))
        last = rgb[0, 15:]
        assert (last == last[:1]).all()
        assert not (rgb[0, 14] == rgb[0, 13]).all()


def test_statistics_are_of_centre_clips(folder):
    train = load(folder, "records").train
    assert train.sample("audio").shape == (recorded.TRAIN, 100, 40, 1)
    with pytest.raises(ValueError, match="then call `with_views`."):
        train.with_views(10).take([0])
    with pytest.raises(ValueError, match="Sort them."):
        train.take([3, 1])


def test_what_is_not_stored_is_refused(folder):
    settings = recorded.data_config("records")
    for changes, advice in (
        ({"modalities": ("rgb", "flow")}, "again with what is missing."),
        ({"path": "videos"}, "Run the command that makes it, to its end."),
        ({"path": ""}, "Add --set data.path=..."),
        (
            {"clips": dataclasses.replace(settings.clips, task="verb")},
            "Choose one of them.",
        ),
    ):
        bad = dataclasses.replace(settings, **changes)
        with pytest.raises(ValueError, match=advice):
            registry.load(bad, data_dir=folder)


def test_videos_that_cannot_be_used_are_named(folder, tmp_path):
    (tmp_path / "labels.csv").write_text(
        "file,label,split\nv00.mp4,a,train\nnowhere.mp4,a,test\n"
    )
    settings = recorded.data_config(
        "videos",
        path=str(folder / "videos"),
        annotations=str(tmp_path / "labels.csv"),
    )
    with pytest.raises(ValueError, match="nowhere.mp4.*goes past them."):
        registry.load(settings, data_dir=None)


def test_damaged_record_says_how_to_find_its_shard(folder, tmp_path):
    shutil.copytree(folder / "records", tmp_path / "records")
    shard = next((tmp_path / "records").glob("train-00000*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    train = load(tmp_path, "records").train  # its size is right
    with (
        pytest.raises(RunError, match="FOLDER --verify, and make it anew."),
        failures.explained(tmp_path, batch_size=3),
    ):
        everything(gb.make_training_dataset(train))
    shard.write_bytes(content[:-100])
    with pytest.raises(ValueError, match=f"{shard.name}: has .* bytes"):
        load(tmp_path, "records")
