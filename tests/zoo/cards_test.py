"""Cards and the index."""

import re

import gblend_keras as gb
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog
from tests.places import ROOT
from tests.zoo.conftest import ABOUT


def test_card_says_what_was_measured(place, runs):
    card = gb.zoo.card("toy_uniform")
    summaries = [
        gb.reporting.read_summary(runs / f"run_{seed}") for seed in (0, 1)
    ]
    first, second = (100 * each["accuracy"]["joint"] for each in summaries)
    deviation = abs(first - second) / 2**0.5
    row = (
        f"| `joint` | {first:.1f} | {(first + second) / 2:.1f} ± "
        f"{deviation:.1f} (2 seeds) |"
    )
    assert row in card
    assert "tools/train.py --recipe=arrays --blend=uniform" in card
    assert "| 0 (fixed) | 0.333 | 0.333 | 0.333 |" in card
    for part in ABOUT.values():
        assert part in card


def test_index_and_list_name_the_entry(place):
    entry = gb.zoo.entry("toy_uniform")
    assert "[toy_uniform](toy_uniform/card.md)" in cards.index([entry])
    assert cards.text_list([entry]) == "toy_uniform  trained   toy classes"


NAMES = sorted(path.name for path in catalog.HERE.iterdir() if path.is_dir())


def test_published_figures_are_marked_as_such():
    for name in NAMES:
        if gb.zoo.entry(name).kind != "trained":
            assert "not measured here" in gb.zoo.card(name)
    found = gb.zoo.published("vmz_gblend_ip_csn_152_ig65m_audioset_kinetics")
    assert found["Kinetics-400 video top-1 %"] == 83.3


def test_index_is_current():
    entries = [catalog.find(name) for name in NAMES]
    text = (ROOT / "zoo" / "README.md").read_text(encoding="utf-8")
    assert text == cards.index(entries), "run `gblend zoo index`"
    for link in re.findall(r"\]\((\.\./[^)]*)\)", text):
        assert (ROOT / "zoo" / link).is_file(), link
