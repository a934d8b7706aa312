"""The figures of the tree, on a file of a few lines and on the package."""

import ast
import subprocess
import sys
from pathlib import Path

from scripts import tree_figures
from tests.places import ROOT

TEXT = '''
class Kept:
    def _twice(self):
        return self._once() + self._once_too

    def _once(self):
        return self._twice()

    @property
    def _once_too(self):
        return self._twice()


def _alone():
    return 1


def public():
    """Says.

    >>> public()
    1
    """
    return _alone()
'''


def test_private_functions_that_are_named_once_are_found():
    module = tree_figures.Module(Path("x.py"), 24, ast.parse(TEXT))
    names = [each.name for each in tree_figures.called_once(module)]
    assert names == ["_once", "_alone"]
    sizes = [tree_figures.num_lines(x) for x in tree_figures.functions(module)]
    assert sizes == [2, 2, 2, 2, 7]


def test_table_and_list_are_printed_as_a_program():
    program = [sys.executable, str(ROOT / "scripts" / "tree_figures.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert "private and called once" in done.stdout
    assert len(done.stdout.splitlines()) == 8
    done = subprocess.run(
        [*program, "--list"], capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        assert line.startswith("gblend_keras/")
