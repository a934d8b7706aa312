"""Tables of a comparison, in every format."""

import csv
import json

import pytest

import gblend_keras as gb
from tests.comparison.conftest import plain


def test_long_message_becomes_one_short_line(compare):
    def fail(method, seed, recipe):
        raise RuntimeError("first line\n" + "more " * 200)

    comparison, _ = compare(fail, methods=["joint"], seeds=[0])
    assert len(comparison["failures"][0]["reason"]) > 1000
    lines = gb.comparison.text_table(comparison).splitlines()
    (note,) = [line for line in lines if line.startswith("FAILED")]
    assert "first line more more" in note and note.endswith("...")
    assert len(note) < 350


def test_all_files_are_written_and_say_the_same(compare, tmp_path):
    comparison, _ = compare(plain, methods=["joint", "offline"], seeds=range(3))
    folder = tmp_path / "all"
    stored = json.loads((folder / "comparison.json").read_text())
    assert stored == json.loads(json.dumps(comparison))
    assert stored["format"] == 1
    assert stored["seeds"] == [0, 1, 2]
    assert set(stored["versions"]) >= {"keras", "tensorflow", "scipy"}
    with (folder / "comparison.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["answer"] for row in rows] == ["joint", "joint", "blend"]
    assert float(rows[1]["difference"]) == pytest.approx(0.12)
    markdown = (folder / "comparison.md").read_text().splitlines()
    assert markdown[3].startswith("| offline | joint | 64.0 ± 4.0 |")
    latex = (folder / "comparison.tex").read_text()
    assert r"offline & joint & 64.0 $\pm$ 4.0 &" in latex
    assert r"accuracy \%" in latex


def test_names_are_escaped_for_latex(compare):
    comparison, _ = compare(plain, methods=["joint"], seeds=[0])
    comparison["rows"][0]["method"] = r"a_b & 50%\x"
    latex = gb.comparison.latex_table(comparison)
    assert r"a\_b \& 50\%\textbackslash{}x & joint" in latex
