"""Entries: found by name, read, and refused when they are not whole."""

import json
import re

import pytest

import gblend_keras as gb
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog
from tests.zoo.conftest import change_entry

NAMES = sorted(path.name for path in catalog.HERE.iterdir() if path.is_dir())


def test_names_are_the_folders_of_the_package():
    assert gb.zoo.names() == NAMES
    assert {"digits_online", "digits_offline", "digits_joint"} <= set(NAMES)


def test_local_zoo_is_listed_too(place):
    assert gb.zoo.names() == sorted([*NAMES, "toy_uniform"])
    assert gb.zoo.entry("toy_uniform").folder == place / "toy_uniform"


def test_local_zoo_may_be_a_file_url(place, monkeypatch):
    monkeypatch.setenv("GBLEND_ZOO", place.as_uri())
    assert "toy_uniform" in gb.zoo.names()


def test_unknown_name_lists_close_ones():
    with pytest.raises(ValueError, match=r"Did you mean .*digits_online") as e:
        gb.zoo.load("digit_online")
    assert "avmnist_joint" in str(e.value)
    with pytest.raises(ValueError, match=r"Choose one of them\.$"):
        gb.zoo.card("zzzz")


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_of_the_package_is_whole(name):
    entry = gb.zoo.entry(name)
    assert set(entry.about) == {
        *("task", "data", "licence", "use", "limits", "citation"),
    }
    assert all(entry.about.values()) and entry.title
    assert gb.zoo.card(name) == cards.render(entry)
    assert not re.search(r"/work/|/tmp/|/home/", gb.zoo.card(name))
    assert set(catalog.sums(entry.folder)) == {
        path.name for path in entry.folder.iterdir()
    } - {catalog.SUMS}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_package_is_small_and_free_of_programs(name):
    for path in (catalog.HERE / name).iterdir():
        assert path.suffix in (".json", ".md", ".npz", "")
        assert path.stat().st_size < 5 * 10**6


def test_share_alike_is_said_where_it_holds():
    for name in ("avmnist_online", "avmnist_joint"):
        assert "CC BY-SA 4.0" in gb.zoo.card(name)
        assert "Share-alike" in gb.zoo.card(name)


def test_recipe_comes_back():
    recipe = gb.zoo.recipe("digits_online")
    assert recipe.data.dataset == "digits"
    with pytest.raises(ValueError, match=r"Use gb\.zoo\.load or gb\.zoo\.to"):
        gb.zoo.recipe("hub_yamnet")


def test_altered_card_is_refused(place):
    with (place / "toy_uniform" / "card.md").open("a") as stream:
        stream.write("It is the best.\n")
    with pytest.raises(ValueError, match=r"card\.md missing or another"):
        gb.zoo.card("toy_uniform")
    with pytest.raises(ValueError, match=r"Restore the folder\.$"):
        gb.zoo.load("toy_uniform")


def test_checksums_must_cover_the_entry(place):
    path = place / "toy_uniform" / catalog.SUMS
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if "entry.json" not in x))
    with pytest.raises(ValueError, match="entry.json missing or another"):
        gb.zoo.entry("toy_uniform")
    path.unlink()
    with pytest.raises(ValueError, match=r"Restore the file\.$"):
        gb.zoo.entry("toy_uniform")


@pytest.mark.parametrize(
    "file", ["../stolen.npz", "/etc/passwd", "a/b.npz", "..", "a\\b", "c:x", ""]
)
def test_weights_outside_the_folder_are_refused(place, file):
    folder = place / "toy_uniform"
    weights = json.loads((folder / "entry.json").read_text())["weights"]
    change_entry(folder, weights={**weights, "file": file})
    with pytest.raises(ValueError, match="Do not use this entry"):
        gb.zoo.load("toy_uniform")


@pytest.mark.parametrize("file", ["../x", "/etc/passwd"])
def test_checksums_of_files_outside_are_refused(place, file):
    path = place / "toy_uniform" / catalog.SUMS
    path.write_text(path.read_text() + f"{'0' * 64}  {file}\n")
    with pytest.raises(ValueError, match="Do not use this entry"):
        gb.zoo.entry("toy_uniform")


def test_link_that_leads_outside_is_refused(place, tmp_path):
    card = place / "toy_uniform" / "card.md"
    secret = tmp_path / "secret.md"
    card.rename(secret)
    card.symlink_to(secret)
    with pytest.raises(ValueError, match=r"Do not use this entry\.$"):
        gb.zoo.card("toy_uniform")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, r"Use a version that knows it\.$"),
        ({"kind": "other"}, "Choose one of them"),
        ({"kind": "hub"}, "Expected it in an entry of kind 'hub'"),
        ({"more": 1}, r"Restore the file\.$"),
        ({"inputs": {"m0": {"shape": [6]}}}, r"Restore the file\.$"),
        (
            {"weights": {"file": "w", "sha256": "x", "num_bytes": 1}},
            "`weights.sha256` is no checksum",
        ),
        (
            {
                "weights": {
                    "file": "w",
                    "sha256": "0" * 64,
                    "num_bytes": 1,
                    "source": "http://example.org/w",
                }
            },
            "`weights.source` is no safe address",
        ),
    ],
)
def test_entry_that_is_none_is_refused(place, changes, sentence):
    change_entry(place / "toy_uniform", **changes)
    with pytest.raises(ValueError, match=sentence):
        gb.zoo.entry("toy_uniform")


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_damaged_entry_is_refused(place, text):
    folder = place / "toy_uniform"
    (folder / "entry.json").write_bytes(text.encode("latin1"))
    names = catalog.sums(folder)
    (folder / catalog.SUMS).write_text(
        "".join(f"{catalog.sha256(folder / n)}  {n}\n" for n in names)
    )
    with pytest.raises(ValueError, match=r"Restore it\.$"):
        gb.zoo.entry("toy_uniform")
