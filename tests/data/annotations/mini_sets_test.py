"""The paper's smaller sets: what is drawn, and that it is always the same."""

import dataclasses
import random

import pytest

from gblend_keras.data.annotations import manifest
from gblend_keras.data.annotations import mini_sets
from gblend_keras.data.annotations import segments


@pytest.fixture(autouse=True)
def _fresh_keras():
    """Replaces the fixture of all tests: nothing here uses Keras."""


def segment(key, labels, split="train"):
    return segments.Segment(
        key=key,
        file="",
        start_seconds=None,
        end_seconds=None,
        labels={"label": labels},
        split=split,
        group="",
        where="a.csv:1",
    )


def sports(num_train=200, num_test=50):
    return segments.Manifest(
        dataset="sports1m",
        class_names={"label": ("a", "b")},
        segments=tuple(
            segment(f"video{row}", (row % 2,), split)
            for row, split in enumerate(
                ["train"] * num_train + ["test"] * num_test
            )
        ),
    )


def audioset():
    """One common class, two middling ones, one tiny one."""
    read = []
    for row in range(1000):
        labels = [0]
        if row % 10 == 0:
            labels.append(1)
        if row % 10 == 1:
            labels.append(3)
        if row % 200 == 0:
            labels.append(2)
        read.append(segment(f"v{row}", tuple(labels)))
    read.append(segment("alone", (2,)))  # of the tiny class only
    read.append(segment("e0", (2,), "test"))
    read.append(segment("e1", (2, 3), "test"))
    return segments.Manifest(
        dataset="audioset",
        class_names={"label": ("music", "speech", "burp", "rain")},
        segments=tuple(read),
        multi_label=True,
    )


def keys(drawn, split="train"):
    return [each.key for each in drawn.in_split(split)]


def test_mini_sports_has_the_sizes_asked_for_in_the_old_order():
    whole = sports()
    drawn = mini_sets.mini_sports(whole, num_train=40, num_test=10)
    assert len(keys(drawn)) == 40 and len(keys(drawn, "test")) == 10
    assert drawn.dataset == "mini_sports"
    assert drawn.class_names == whole.class_names
    order = [each for each in whole.segments if each in drawn.segments]
    assert list(drawn.segments) == order
    # Uniform: each class gives about half. 40 draws, sd 3.2.
    share = sum(each.labels["label"][0] for each in drawn.in_split("train"))
    assert 8 < share < 32


def test_mini_sports_depends_on_keys_and_seed_alone():
    whole = sports()
    mixed = list(whole.segments)
    random.Random(0).shuffle(mixed)
    mixed = dataclasses.replace(whole, segments=tuple(mixed))
    drawn = keys(mini_sets.mini_sports(whole, 40, 10))
    assert set(drawn) == set(keys(mini_sets.mini_sports(mixed, 40, 10)))
    assert set(drawn) < set(keys(mini_sets.mini_sports(whole, 60, 10)))
    assert set(drawn) != set(keys(mini_sets.mini_sports(whole, 40, 10, seed=1)))
    # These three never change, on no machine and in no version.
    first = keys(mini_sets.mini_sports(whole, 3, 0))
    assert first == ["video100", "video107", "video171"]


def test_more_videos_than_there_are_cannot_be_drawn():
    for numbers in ((201, 1), (1, 51), (-1, 1)):
        with pytest.raises(ValueError, match="or draw fewer."):
            mini_sets.mini_sports(sports(), *numbers)


def test_mini_audioset_drops_tiny_classes_and_what_only_they_label():
    drawn = mini_sets.mini_audioset(audioset(), min_videos=50, max_videos=1000)
    assert drawn.class_names["label"] == ("music", "speech", "rain")
    assert drawn.dataset == "mini_audioset" and drawn.multi_label
    assert "alone" not in keys(drawn)
    (test,) = drawn.in_split("test")
    assert test.key == "e1" and test.labels["label"] == (2,)  # rain, anew


def test_mini_audioset_lets_no_class_grow_but_by_rarer_ones():
    drawn = mini_sets.mini_audioset(audioset(), min_videos=50, max_videos=80)
    volumes = [0, 0, 0]
    for each in drawn.in_split("train"):
        for label in each.labels["label"]:
            volumes[label] += 1
    # Speech and rain have 100 each, of which 80 are room for at most. All
    # carry music too, which is full early and grows by them alone.
    assert 75 <= volumes[1] <= 80 and 75 <= volumes[2] <= 80
    assert 80 <= volumes[0] <= 80 + volumes[1] + volumes[2]
    assert len(keys(drawn)) == volumes[0]


def test_mini_audioset_leaves_out_the_draws_of_zero():
    # With room for many, a draw from 0..room is 0 about once in `room`: of
    # 1000 segments of 1000 places, the sum of 1/(1001 - n) is about 7.5.
    whole = audioset()
    drawn = keys(mini_sets.mini_audioset(whole, min_videos=1, max_videos=1001))
    assert 970 < len(drawn) < 1001
    assert drawn == keys(
        mini_sets.mini_audioset(whole, min_videos=1, max_videos=1001)
    )
    assert drawn != keys(
        mini_sets.mini_audioset(whole, min_videos=1, max_videos=1001, seed=1)
    )


@pytest.mark.parametrize(
    ("numbers", "advice"),
    [
        ((1001, 10), "Read the full training annotations"),
        ((0, 10), "Choose a value inside."),
        ((10, 0), "Choose a value inside."),
    ],
)
def test_impossible_draws_are_refused(numbers, advice):
    with pytest.raises(ValueError, match=advice):
        mini_sets.mini_audioset(audioset(), *numbers)


def test_mini_sets_are_data_sets_of_their_own(tmp_path):
    (tmp_path / "labels.txt").write_text("boxing\n")
    (tmp_path / "train_partition.txt").write_text(
        "http://www.youtube.com/watch?v=w8mXhpwjIWI 0\n"
    )
    with pytest.raises(ValueError, match="Received: num_train=240000."):
        manifest.read_manifest("mini_sports", tmp_path / "train_partition.txt")
    (tmp_path / "class_labels_indices.csv").write_text(
        "index,mid,display_name\n0,/m/09x0r,Speech\n"
    )
    (tmp_path / "balanced_train_segments.csv").write_text(
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        + "".join(
            f'video{row:06d}, 0.000, 10.000, "/m/09x0r"\n' for row in range(400)
        )
    )
    read = manifest.read_manifest(
        "mini_audioset", tmp_path / "balanced_train_segments.csv"
    )
    assert read.dataset == "mini_audioset"
    assert 390 <= len(read.segments) <= 400
