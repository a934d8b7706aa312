"""The rooms of the package: their order, their size, and what stands where.

The order is read from ARCHITECTURE.md: a room imports only rooms above it.
"""

import ast
import collections
import re

import pytest

from tests.places import ROOT

PACKAGE = ROOT / "gblend_keras"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ORDER = re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE)
# Names that several rooms give to a file of the same role.
ROLES = {"registry", "loader", "model", "text_tables", "reader", "checks"}
# Rooms whose files are called after what a recipe or a user names.
LISTS = ("recipes", "methods", "cli", "config", "benchmarks")
# Tests of more than one module.
BROAD = ("journeys", "docs")
MOST_FILES = 20


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {name_of(p): p for p in FILES if p.stem != "__init__"}


def imported(path):
    """The modules and rooms of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            first, *rest = node.module.split(".")
            if first == "gblend_keras":
                for alias in node.names:
                    yield [*rest, alias.name]


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_every_room_stands_in_the_table():
    rooms = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    assert rooms | {"heads"} == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_room_imports_only_rooms_above_it(room):
    above = set(ORDER[: ORDER.index(room) + 1])
    for path in FILES:
        if room_of(path) != room:
            continue
        for parts in imported(path):
            if parts[0] in ORDER:
                assert parts[0] in above, f"{path} imports {parts[0]}"


def test_only_heads_is_loose_at_the_top():
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "__main__", "heads"}


def test_no_folder_has_too_many_files():
    for folder in {path.parent for path in FILES}:
        own = [p for p in folder.glob("*.py") if p.stem != "__init__"]
        assert len(own) <= MOST_FILES, folder


def test_private_modules_are_used_in_their_own_room_alone():
    for path in FILES:
        for parts in imported(path):
            for part in parts:
                if part.startswith("_") and ".".join(parts) in MODULES:
                    assert parts[0] == room_of(path), f"{path}: {parts}"


def test_every_file_name_occurs_once_or_names_a_role():
    places = collections.defaultdict(list)
    for name in MODULES:
        room, last = name.split(".")[0], name.split(".")[-1]
        if room not in LISTS and last.lstrip("_") not in ROLES:
            places[last.lstrip("_")].append(name)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice == {}


def test_every_test_stands_at_the_path_of_what_it_tests():
    known = {name.replace("._", ".") for name in MODULES}
    for path in (ROOT / "tests").rglob("*_test.py"):
        parts = path.relative_to(ROOT / "tests").with_suffix("").parts
        if len(parts) == 1 or parts[0] in BROAD:
            continue
        name = ".".join(parts).removesuffix("_test")
        if not name.endswith(".contract"):  # what every file of a room keeps
            assert name in known, f"{path} tests no module {name}"


def test_nothing_of_the_package_imports_the_tools():
    for path in FILES:
        assert "from tools" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("file", ["ogr.py", "loss_changes.py"])
def test_arithmetic_needs_numpy_alone(file):
    tree = ast.parse((PACKAGE / "blending" / file).read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names == {"numpy"}


QUESTIONS = re.findall(
    r"^\| .*\? \| `([\w/]+\.py)` \| `(\w+)` \|", TEXT, flags=re.MULTILINE
)


def test_there_are_twenty_questions():
    assert len(QUESTIONS) == 20


@pytest.mark.parametrize(("file", "name"), QUESTIONS)
def test_answer_to_where_is_there(file, name):
    text = (PACKAGE / file).read_text(encoding="utf-8")
    assert re.search(rf"(def|class) {name}\b", text), f"{file} has no {name}"


@pytest.mark.parametrize(
    ("title", "most"), [("way of a batch", 8), ("way of an estimate", 12)]
)
def test_ways_are_short_and_their_files_are_there(title, most):
    (section,) = re.findall(
        rf"## The {title}\n(.*?)\n## ", TEXT, flags=re.DOTALL
    )
    files = re.findall(r"^\d+\. `([\w/]+\.py)`", section, flags=re.MULTILINE)
    assert 0 < len(files) <= most
    for file in re.findall(r"`([\w/]+\.py)`", TEXT):
        if "/" in file and not file.startswith("tests/"):
            assert (PACKAGE / file).is_file(), file
