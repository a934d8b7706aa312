"""What would go wrong in every run is found before."""

import json

import pytest

from gblend_keras.utils import files
from tests.comparison.conftest import plain


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"methods": ["joint", "offlin"]}, "Correct the names."),
        ({"methods": []}, "Leave out the repeated ones."),
        ({"seeds": [1, 1]}, "Leave out the repeated ones."),
        ({"tune": -1}, "Choose a value inside."),
        ({"jobs": 0}, "Choose a value inside."),
        ({"test": "z"}, "Choose one of them."),
        (
            {"tune": 2, "settings": ["data.evaluate_on=validation"]},
            "Leave out --tune, or that setting.",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_any_training(
    compare, arguments, advice
):
    ran = []
    with pytest.raises(ValueError, match=advice):
        compare(lambda *each: ran.append(each) or 0.5, **arguments)
    assert ran == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tune": 2}, "another tune. "),
        (
            {"settings": ["train.epochs=5"]},
            r"another recipe \(train.epochs is 30, not 5\). ",
        ),
    ],
)
def test_folder_of_another_comparison_is_refused(compare, changed, said):
    compare(plain, methods=["joint"], seeds=[0])
    with pytest.raises(ValueError, match=f"{said}Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0], **changed)


def test_comparison_of_an_earlier_version_goes_on(compare, tmp_path):
    compare(plain, methods=["joint"], seeds=[0])
    path = tmp_path / "all" / "protocol.json"
    protocol = json.loads(path.read_text())
    del protocol["recipe"]["train"]["nesterov"]  # came later
    files.write_json(path, protocol)
    _, done = compare(plain, methods=["joint"], seeds=[0, 1])
    assert done == [("joint", "seed-1")]


def test_protocol_with_a_setting_that_is_not_known_is_refused(
    compare, tmp_path
):
    compare(plain, methods=["joint"], seeds=[0])
    path = tmp_path / "all" / "protocol.json"
    protocol = json.loads(path.read_text())
    protocol["recipe"]["blend"]["of_tomorrow"] = 1
    files.write_json(path, protocol)
    with pytest.raises(ValueError, match="of_tomorrow.*Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0])


def test_folder_of_a_single_run_is_refused(compare, tmp_path):
    files.write_json(tmp_path / "all" / "recipe.json", {"format": 1})
    with pytest.raises(ValueError, match="Choose another folder"):
        compare(plain, methods=["joint"], seeds=[0])


def test_damaged_protocol_is_refused(compare, tmp_path):
    files.write_text(tmp_path / "all" / "protocol.json", "{")
    with pytest.raises(ValueError, match="Choose another folder."):
        compare(plain, methods=["joint"], seeds=[0])
