"""What pages compute from runs, by hand."""

import numpy as np
import pytest

from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.reporting import _comparison_data
from gblend_keras.reporting import run_data
from gblend_keras.reporting.figures import blend_weights
from gblend_keras.reporting.figures import classes
from gblend_keras.reporting.figures import style
from gblend_keras.reporting.page import html
from gblend_keras.reporting.page import sections
from tests.reporting import folders_of


def run_with(ratios, tmp_path, name):
    """A run with one estimate of these OGRs."""
    folder = folders_of.write_run(tmp_path / name, history=0)
    ogr = dict(zip(folders_of.HEADS, ratios, strict=True))
    folders_of.write(
        folder / "blend_history.json", [folders_of.estimate(ogr=ogr)]
    )
    return run_data.read_run(folder)


def test_confused_pairs_are_sorted_by_examples():
    counts = [[5, 3, 0], [1, 9, 0], [4, 0, 0]]
    # Row 0: 3 of 8; row 1: 1 of 10; row 2: 4 of 4.
    assert classes.confused_pairs(counts) == [
        (2, 0, 4, 1.0),
        (0, 1, 3, 0.375),
        (1, 0, 1, 0.1),
    ]


def test_median_ogr_counts_no_generalisation_as_infinite(tmp_path):
    runs = [
        run_with((0.5, None, 1.0), tmp_path, "a"),
        run_with((1.5, 2.0, None), tmp_path, "b"),
        run_with((0.7, None, 3.0), tmp_path, "c"),
    ]
    assert _comparison_data.median_ratios(runs) == {
        "rgb": [0.7],
        "sound": [None],
        "joint": [3.0],
    }


def test_weights_are_averaged_over_seeds(tmp_path):
    entries = [
        folders_of.estimate(weights={"rgb": value, "joint": 1 - value})
        | {"intervals": {"rgb": [0.0, value], "joint": [0.5, 1.0]}}
        for value in (0.25, 0.75)
    ]
    runs = []
    for place, entry in enumerate(entries):
        folder = folders_of.write_run(tmp_path / str(place), history=0)
        folders_of.write(folder / "blend_history.json", [entry])
        runs.append(run_data.read_run(folder))
    (found,) = _comparison_data.mean_weights(runs)
    assert found.weights == {"rgb": 0.5, "joint": 0.5}
    assert found.intervals == {"rgb": [0.0, 0.5], "joint": [0.5, 1.0]}


@pytest.mark.parametrize(
    ("answering", "expected"),
    [
        (["joint"], ["joint"]),
        (["rgb"], ["rgb"]),
        (["rgb", "sound"], ["ensemble", "rgb", "sound"]),
        (["rgb", "joint"], ["joint", "rgb"]),
        (
            ["rgb", "sound", "joint"],
            ["joint", "blend", "rgb", "sound", "ensemble"],
        ),
    ],
)
def test_answers_are_those_that_were_trained(tmp_path, answering, expected):
    folder = folders_of.write_run(tmp_path, answering_heads=answering)
    assert run_data.read_run(folder).answers == expected


def test_main_row_of_a_method_is_joint_or_the_ensemble():
    rows = [
        {"method": method, "answer": answer}
        for method, answer in (
            ("a", "rgb"),
            ("a", "ensemble"),
            ("b", "blend"),
            ("b", "joint"),
            ("c", "rgb"),
        )
    ]
    found = _comparison_data.main_rows(rows)
    assert [row["answer"] for row in found] == ["ensemble", "joint", "rgb"]


def test_best_modality_is_one_trained_by_itself(tmp_path):
    folder = folders_of.write_comparison(tmp_path)
    # rgb has 50 %, sound 41 %; online's heads are of a fused network.
    runs = _comparison_data.read(folder).runs
    assert _comparison_data.best_modality(runs) == ("modalities", "rgb")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(119.96, "120.0 s"), (120, "2.0 min"), (7200, "2.0 h"), (None, None)],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert sections.duration(seconds) == text


def test_markup_escapes_all_but_itself():
    inside = html.element("b", "<&>")
    assert inside == "<b>&lt;&amp;&gt;</b>"
    assert html.element("p", inside, None, 1, title='"') == (
        '<p title="&quot;"><b>&lt;&amp;&gt;</b>1</p>'
    )


def test_pictures_take_the_colour_of_the_text_around_them():
    def draw(figure):
        axis = figure.subplots()
        axis.set_title(f'id="x" {style.INK}')

    text = style.svg(draw, size=(3, 2))
    assert "currentColor" in text
    assert f'id="x" {style.INK}' in text  # what a user wrote stays
    assert text.count(style.INK) == 1
    assert text.lower().count(style.INK.lower()) == 1


@pytest.mark.parametrize("ratios", [[None, None], [0.1, 50.0], [0.0, 1.0]])
def test_ogr_that_is_missing_or_far_apart_can_be_drawn(ratios):
    def draw(figure):
        blend_weights.draw_ratios(
            figure, {"rgb": ratios}, epochs=["0-2", "2-4"]
        )

    text = style.svg(draw, size=(3, 2))
    assert text.count("∞") == ratios.count(None)
    assert ("logarithmic" in text) == (ratios == [0.1, 50.0])


def test_palette_is_told_apart_in_grey_by_marker_and_hatch():
    looks = [style.look(place) for place in range(5)]
    for name in ("color", "marker", "hatch", "line"):
        assert len({str(getattr(look, name)) for look in looks}) == 5


def test_history_without_a_field_is_refused(tmp_path):
    folder = folders_of.write_run(tmp_path)
    entry = folders_of.estimate()
    del entry["ogr"]
    folders_of.write(folder / "blend_history.json", [entry])
    with pytest.raises(ValueError, match="Start the run in a new folder."):
        run_data.read_run(folder)


def test_estimates_come_back_as_they_were(tmp_path):
    run = run_data.read_run(folders_of.write_run(tmp_path, history=1))
    assert run.estimates == [BlendEstimate.from_json(folders_of.estimate())]
    assert np.isfinite(run.column("rgb_loss")).all()
