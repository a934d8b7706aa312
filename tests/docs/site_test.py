"""The site of the documentation: complete, and without a network."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest

from scripts import site_pages
from tests.places import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


def test_links_lead_to_pages_of_the_site():
    text = "[a](docs/zoo.md#x) [b](LICENSE) [c](https://x.org) ![d](docs/i.png)"
    assert site_pages.relinked(text, "README.md") == (
        "[a](zoo.md#x) b [c](https://x.org) d"
    )
    card = site_pages.relinked("[all](../README.md)", "zoo/digits/card.md")
    assert card == "[all](../zoo_entries.md)"
    code = "```python\nx = y[0](z)\n```"
    assert site_pages.relinked(code, "README.md") == code


def test_lists_and_tables_below_a_sentence_get_an_empty_line():
    text = "words:\n- a\n  more\n- b\n\nwords:\n| x |\n|---|\n| 1 |\n"
    assert site_pages.spaced(text) == (
        "words:\n\n- a\n    more\n- b\n\nwords:\n\n| x |\n|---|\n| 1 |\n"
    )
    code = "1. one:\n\n   ```python\n   a\n     - b\n   ```\n"
    assert site_pages.spaced(code) == (
        "1. one:\n\n    ```python\n    a\n      - b\n    ```\n"
    )


def test_every_public_name_of_a_room_is_in_the_reference():
    pages = site_pages.reference_pages()
    shown = set(re.findall(r"(?m)^::: (\S+)", "".join(pages.values())))
    for room in ["", *site_pages.rooms()]:
        for name in site_pages.public_names(room):
            assert name.defined in shown, name.public


def test_every_room_has_a_page_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for uri in site_pages.reference_pages():
        assert f"- {uri}\n" in menu, uri


def test_tutorial_becomes_a_page_with_its_outputs():
    notebook = json.loads(TUTORIAL.read_text(encoding="utf-8"))
    text, pictures = site_pages.notebook_page(notebook)
    cells = [each["cell_type"] for each in notebook["cells"]]
    assert text.count("```python") == cells.count("code")
    assert "```text" in text
    for name, picture in pictures.items():
        assert f"]({name})" in text and picture.startswith(b"\x89PNG")


@pytest.mark.large
@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None
    or importlib.util.find_spec("mkdocstrings") is None,
    reason='needs pip install ".[docs]"',
)
def test_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(
    tmp_path,
):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            f"--site-dir={tmp_path}",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 60
    towers = (tmp_path / "api" / "towers.html").read_text(encoding="utf-8")
    assert '<span class="gp">&gt;&gt;&gt; </span>' in towers  # as code
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|img|iframe)\b[^>]*\bsrc="([^"]+)"', text
        )
        loaded += re.findall(
            r'<link\b[^>]*rel="(?:stylesheet|icon|preload|preconnect)"'
            r'[^>]*href="([^"]+)"',
            text,
        )
        for place in loaded:
            assert not re.match(r"(\w+:)?//", place), f"{page.name}: {place}"
    for room in site_pages.rooms():
        page = tmp_path / "api" / f"{room.split('/')[0]}.html"
        text = page.read_text(encoding="utf-8")
        for name in site_pages.public_names(room):
            assert f'id="{name.defined}"' in text, name.public
