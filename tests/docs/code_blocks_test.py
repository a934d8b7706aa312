"""Every block of code of the documentation runs, or says why it cannot."""

import ast
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

import gblend_keras as gb
from gblend_keras.cli import main as command_line
from tests.docs import pages
from tests.docs import settings
from tests.places import ROOT

LANGUAGES = {"python", "sh", "json", "csv", "text", "yaml"}


def pages_with(language):
    return [page for page in pages.PAGES if pages.blocks(page, language)]


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_names_its_language(page):
    for block in pages.blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=[pytest.mark.large]
            if page in settings.SETTINGS and settings.SETTINGS[page].is_large
            else [],
        )
        for page in pages_with("python")
    ],
)
def test_python_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert page in settings.SETTINGS, "Give the page its setting there."
    setting = settings.SETTINGS[page]
    names = {"__name__": "a_page"} | setting.names()
    unused = set(setting.shorter)
    for number, block in enumerate(pages.blocks(page, "python")):
        code = block.text
        for said, instead in setting.shorter.items():
            if said in code:
                unused.discard(said)
                code = code.replace(said, instead)
        lines = "\n" * block.line  # so that errors name the page's line
        compiled = compile(lines + code, str(ROOT / page), "exec")
        if number in setting.between:
            setting.between[number](names)
        if not block.reason:
            exec(compiled, names)
        else:
            check_names(block)
    assert not unused, f"The page no longer says {unused}."


def check_names(block):
    """Asserts that what a block imports, and every `gb.` name, is there."""
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert importlib.util.find_spec(node.module), node.module
        if isinstance(node, ast.Attribute):
            words = ast.unparse(node).split(".")
            if words[0] == "gb":
                resolve(words[1:])


def resolve(words):
    found = gb
    for word in words:
        found = getattr(found, word)
    return found


def test_example_of_the_readme_is_short():
    (example,) = pages.blocks("README.md", "python")
    assert len(example.text.strip().splitlines()) <= 25


@pytest.mark.parametrize("page", pages_with("json"))
def test_json_blocks_can_be_read(page):
    for block in pages.blocks(page, "json"):
        json.loads(block.text)


def commands(text):
    """Yields the command lines of a shell block, as lists of words."""
    variables = {}
    for line in text.replace("\\\n", " ").splitlines():
        for name, value in variables.items():
            line = line.replace(f"${name}", value)
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, value = words.pop(0).split("=", maxsplit=1)
            variables[name] = value
        if words:
            yield words


def known_flags(command):
    """Returns the names of a command's flags."""
    return set(command_line.get(command).flags)


def check_command(words):
    """Asserts that a command of `gblend` would take these words."""
    name, *rest = words[1:]
    assert name in command_line.COMMANDS, words
    for word in rest:
        if word.startswith("--") and word != "--help":
            flag = word.removeprefix("--").split("=")[0]
            positive = flag.removeprefix("no")
            assert {flag, positive} & known_flags(name), (words, flag)
    given = dict(
        word.removeprefix("--").split("=", maxsplit=1)
        for word in rest
        if word.startswith("--") and "=" in word
    )
    recipe = given.get("recipe", "NAME")
    assert recipe == "NAME" or recipe in gb.recipes.names(), words
    for method in given.get("methods", "joint").split(","):
        assert method in gb.methods.names(), words
    assert given.get("blend", "METHOD") in [*gb.methods.names(), "METHOD"]


SHELL_PAGES = pages_with("sh")


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_commands_of_shell_blocks_exist_with_all_their_flags(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in pages.blocks(page, "sh"):
        for words in commands(block.text):
            place = f"{page}:{block.line}: {shlex.join(words)}"
            if words[0] == "gblend":
                check_command(words)
            elif words[0] == "make":
                for target in words[1:]:
                    assert re.search(rf"(?m)^{target}:", makefile), place
            elif words[:2] == ["pip", "install"]:
                for extra in re.findall(r"\[(.*?)\]", words[2]):
                    extras = project["project"]["optional-dependencies"]
                    assert set(extra.split(",")) <= set(extras), place
            else:
                assert block.reason or words[0] in ("git", "cd"), place


@pytest.mark.parametrize("page", pages.PAGES)
def test_commands_in_sentences_exist_with_all_their_flags(page):
    for code in re.findall(r"`(gblend [a-z][^`]*)`", pages.prose_of(page)):
        words = shlex.split(code.replace("...", ""))
        if words[1] != "COMMAND":
            check_command(words)


def run_command(words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gblend_keras", *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


def line_of(page, start):
    """The only command of a page that starts so."""
    found = {
        tuple(words)
        for block in pages.blocks(page, "sh")
        for words in commands(block.text)
        if shlex.join(words).startswith(start)
    }
    (words,) = found
    return words


def test_zoo_of_the_readme_lists_its_entries():
    done = run_command(line_of("README.md", "gblend zoo list"))
    assert done.returncode == 0, done.stderr
    assert "digits_online" in done.stdout


def test_videos_of_the_annotations_page_become_records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (table,) = pages.blocks("docs/annotations.md", "csv")
    (tmp_path / "labels.csv").write_text(table.text, encoding="utf-8")
    settings.media()  # writes clip.mp4
    for row in table.text.splitlines()[1:]:
        place = tmp_path / "DIR" / row.split(",")[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to("clip.mp4")
    line = line_of("docs/annotations.md", "gblend prepare --dataset=csv")
    words = [word.replace("--out=DIR", "--out=OUT") for word in line]
    done = run_command(words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "OUT" / "manifest.json").exists()


@pytest.mark.parametrize("page", pages.PAGES)
def test_names_in_sentences_are_there(page):
    for name in re.findall(
        r"`(?:gb|gblend_keras)\.([\w.]+)", pages.prose_of(page)
    ):
        words = name.rstrip(".").split(".")
        for length in range(1, len(words)):  # rooms and modules
            module = "gblend_keras." + ".".join(words[:length])
            try:
                importlib.import_module(module)
            except ModuleNotFoundError:
                break
        assert resolve(words) is not None, name


@pytest.mark.parametrize("page", pages.PAGES)
def test_files_in_sentences_are_there(page):
    tops = "gblend_keras|tests|tools|scripts|docs|zoo|constraints"
    for path in re.findall(rf"`((?:{tops})/[\w./]+)`", pages.prose_of(page)):
        if "NAME" not in path and "ROOM" not in path:
            assert pages.exists(path), path


@pytest.mark.parametrize("page", pages.PAGES)
def test_links_lead_somewhere(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#\s]+)", pages.prose_of(page)):
        if not re.match(r"\w+:", target):
            assert (folder / target).exists(), target
