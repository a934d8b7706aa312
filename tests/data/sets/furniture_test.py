"""Furniture: four modalities, near-duplicates as groups, unknown words."""

import json

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.data.sets import furniture
from gblend_keras.data.sets import registry
from tests.places import SHARED

REAL = SHARED / "data" / "furniture"


def write(folder, *, text_ids, **changes):
    rng = np.random.default_rng(0)
    for part, ids in text_ids.items():
        size = len(ids)
        stored = {
            "image": rng.integers(0, 255, (size, 64, 64, 3)).astype(np.uint8),
            "text_ids": np.array(ids, np.int32),
            "points": rng.normal(size=(size, 512, 3)).astype(np.float32),
            "size": rng.normal(size=(size, 3)).astype(np.float32),
            "y": (np.arange(size) % 2).astype(np.int16),
            "group": np.arange(size, dtype=np.int32) // 2,
        } | changes
        kept = {name: each for name, each in stored.items() if len(each)}
        np.savez(folder / f"{part}.npz", **kept)
    (folder / "classes.json").write_text(json.dumps(["bed", "sink"]))


# Words 2 and 3 occur twice in train, word 4 once; 9 is new in test.
TEXTS = {
    "train": [[2, 3, 0, 0], [2, 4, 0, 0], [3, 0, 0, 0]],
    "test": [[9, 4, 1, 0], [3, 3, 2, 9]],
}


def test_words_that_occur_once_in_training_are_unknown(tmp_path):
    write(tmp_path, text_ids=TEXTS)
    splits = furniture.load(tmp_path)
    # Columns: unknown, word 2, word 3.
    assert splits.train.x["text"].tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 1]]
    assert splits.test.x["text"].tolist() == [[3, 0, 0], [1, 1, 2]]


def test_objects_have_four_modalities_and_their_near_duplicates(tmp_path):
    write(tmp_path, text_ids=TEXTS)
    splits = furniture.load(tmp_path)
    assert splits.train.shapes == {
        "image": (64, 64, 3),
        "text": (3,),
        "points": (512, 3),
        "size": (3,),
    }
    assert splits.train.x["image"].dtype == np.uint8
    assert splits.train.x["text"].dtype == np.float32
    assert splits.train.group.tolist() == [0, 0, 1]
    assert splits.class_names == ("bed", "sink")


def test_text_without_a_word_is_all_zero():
    ids = np.array([[2, 2, 0], [0, 0, 0]])
    words = furniture.known_words(ids)
    assert words.tolist() == [2]
    assert furniture.bag_of_words(ids, words).tolist() == [[0, 2], [0, 0]]


def test_missing_and_incomplete_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="train.npz is not there"):
        furniture.load(tmp_path)
    write(tmp_path, text_ids=TEXTS, group=[])
    with pytest.raises(ValueError, match="train.npz lacks arrays"):
        furniture.load(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the data set furniture")
def test_real_set_has_unknown_words_in_training_too():
    settings = gb.recipes.get("furniture")
    splits = registry.load(settings.data, data_dir=REAL.parent)
    train, test = splits.train, splits.test
    assert (len(train), len(test)) == (434, 238)
    assert not set(train.group) & set(test.group)
    assert len(splits.class_names) == 10
    stored = np.load(REAL / "train.npz")["text_ids"]
    words, counts = np.unique(stored[stored > 0], return_counts=True)
    known = int((counts > 1).sum())
    assert train.shapes["text"] == (1 + known,)
    assert train.x["text"][:, 0].sum() == len(words) - known
    assert test.x["text"][:, 0].sum() > 100
