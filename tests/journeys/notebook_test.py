"""The tutorial: runs from top to bottom, and shows what it showed."""

import ast
import json
import subprocess
import sys

import pytest

from tests.journeys import notebook
from tests.places import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


def code_cells(found):
    return [each for each in found["cells"] if each["cell_type"] == "code"]


def cell(source):
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


def test_cells_share_names_and_show_their_last_line():
    found = notebook.executed(
        {"cells": [cell(["a = 2\n", "print(a)"]), cell(["a + 1"])]}
    )
    first, second = code_cells(found)
    assert first["outputs"][0]["text"] == ["2\n"]
    assert second["outputs"][0]["data"] == {"text/plain": ["3"]}
    assert [first["execution_count"], second["execution_count"]] == [1, 2]


def test_tutorial_is_kept_with_its_outputs_and_without_a_persons_paths():
    text = TUTORIAL.read_text(encoding="utf-8")
    cells = code_cells(json.loads(text))
    assert [each["execution_count"] for each in cells] == list(
        range(1, len(cells) + 1)
    )
    assert sum(bool(each["outputs"]) for each in cells) >= 5
    for place in ("/home/", "/work/", "/tmp/", "/root/", "C:\\\\"):
        assert place not in text


def test_tutorial_uses_what_is_there():
    cells = code_cells(json.loads(TUTORIAL.read_text(encoding="utf-8")))
    tree = ast.parse("\n".join("".join(each["source"]) for each in cells))
    imports = [
        each
        for each in ast.walk(tree)
        if isinstance(each, (ast.Import, ast.ImportFrom))
    ]
    names = {}
    exec(compile(ast.Module(imports, []), "tutorial", "exec"), names)
    used = {
        each.attr
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "gb"
    }
    assert len(used) > 3
    for name in used:
        assert hasattr(names["gb"], name), name


@pytest.mark.large
def test_tutorial_runs_from_top_to_bottom(tmp_path):
    copy = tmp_path / "tutorial.ipynb"
    copy.write_text(TUTORIAL.read_text(encoding="utf-8"), encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path; from tests.journeys import notebook\n"
        f"notebook.main(Path({str(copy)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ran = code_cells(json.loads(copy.read_text(encoding="utf-8")))
    kept = code_cells(json.loads(TUTORIAL.read_text(encoding="utf-8")))
    assert [
        [output["output_type"] for output in each["outputs"]] for each in ran
    ] == [
        [output["output_type"] for output in each["outputs"]] for each in kept
    ]
