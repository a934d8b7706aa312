"""Methods by name: listing, options, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

import gblend_keras as gb
from tests import toy
from tests.places import ROOT

FOLDER = Path(gb.methods.__file__).parent


def test_methods_are_the_files_of_the_folder():
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert set(gb.methods.names()) == files - {"__init__", "base", "registry"}


def test_listing_loads_no_tensorflow():
    code = (
        "import sys, gblend_keras as gb; gb.methods.names();"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", gb.methods.names())
def test_every_method_names_its_source_and_its_cost(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert text.startswith(f'"""{name}: ')
    assert "\nSource: " in text and "\nCost: " in text


def test_every_method_stands_in_the_docs():
    docs = ROOT / "docs" / "methods.md"
    text = docs.read_text(encoding="utf-8")
    missing = [name for name in gb.methods.names() if f"`{name}`" not in text]
    assert not missing


def test_name_of_a_modality_is_a_method():
    method = gb.methods.get("audio", modalities=["video", "audio"])
    (phase,) = method.phases(["video", "audio", "joint"], 5)
    assert phase == (5, ("audio",))


def test_options_reach_the_method():
    options = {"pretrain": {"share": 0.5}, "gradnorm": {"alpha": 1.0}}
    phases = gb.methods.get("pretrain", options=options).phases(["a"], 10)
    assert [phase.epochs for phase in phases] == [5, 10]
    assert gb.methods.get("gradnorm", options=options).new_rule().alpha == 1.0


def test_options_are_settings_of_a_recipe():
    recipe = gb.config.with_settings(
        gb.recipes.get("digits"),
        ["methods.gradnorm.alpha=0.5", "methods.gradnorm.rate=0.1"],
    )
    assert recipe.methods == {"gradnorm": {"alpha": 0.5, "rate": 0.1}}
    assert gb.Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("name", "options", "advice"),
    [
        ("gradnrm", {}, "Did you mean gradnorm or pcgrad? Choose one of them."),
        ("joint", {"gradnrm": {"alpha": 1}}, "Choose one of them."),
        ("joint", {"gradnorm": {"alfa": 1}}, "Check the spelling."),
        ("dropout", {"dropout": {"rate": 1.5}}, "Choose a value inside."),
    ],
)
def test_wrong_names_and_options_are_refused(name, options, advice):
    with pytest.raises(ValueError) as caught:
        gb.methods.get(name, modalities=["m0"], options=options)
    assert advice in str(caught.value)


def test_rule_that_is_no_rule_is_refused():
    network = gb.late_fusion({"m0": toy.tower("m0", 6)}, 3)
    with pytest.raises(TypeError, match="new_rule"):
        gb.BlendedModel(network, rule="pcgrad")
