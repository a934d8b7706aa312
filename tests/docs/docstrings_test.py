"""Examples in docstrings of public names: each runs, and there are enough."""

import doctest
import importlib
import inspect
import re
import sys

import pytest

from tests.places import ROOT

PACKAGE = ROOT / "gblend_keras"
FEWEST = 0.17  # share of public names with an example: it may only grow
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_objects():
    """The functions and classes in the tables of contents, by full name."""
    found = {}
    for table in sorted(PACKAGE.rglob("__init__.pyi")):
        place = ".".join(table.parent.relative_to(ROOT).parts)
        text = table.read_text(encoding="utf-8")
        for module, name in re.findall(
            r"^from \.([\w.]+) import (\w+)", text, flags=re.MULTILINE
        ):
            each = getattr(importlib.import_module(f"{place}.{module}"), name)
            if inspect.isfunction(each) or inspect.isclass(each):
                found[each.__module__, each.__qualname__] = each
    return found


OBJECTS = public_objects()
WITH_EXAMPLE = {
    f"{module}.{name}": each
    for (module, name), each in OBJECTS.items()
    if ">>>" in (each.__doc__ or "")
}


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLE))
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    said = []
    names = vars(sys.modules[WITH_EXAMPLE[name].__module__])
    for test in finder.find(WITH_EXAMPLE[name], name, globs=dict(names)):
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_share_of_names_with_an_example_does_not_fall():
    assert len(WITH_EXAMPLE) / len(OBJECTS) >= FEWEST
