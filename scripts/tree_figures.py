"""Figures of the package's tree: is it still made of small, plain parts?

    python scripts/tree_figures.py
    python scripts/tree_figures.py --list    # names what could be inlined

Nothing of the package is imported: the files are parsed.
"""

import argparse
import ast
import collections
import statistics
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # run as a file
    sys.path.insert(0, str(ROOT))

from scripts import site_pages  # noqa: E402

Function = ast.FunctionDef | ast.AsyncFunctionDef
_EXAMPLE_MARKS = (">>> ", "```")


class Module(NamedTuple):
    """A parsed file.

    Attributes:
        path: From the root of the repository.
        num_lines: Its lines.
        tree: What it says.
    """

    path: Path
    num_lines: int
    tree: ast.Module


def modules(package: Path) -> list[Module]:
    """Parses every file of a package."""
    found = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, len(text.splitlines()), ast.parse(text)))
    return found


def functions(module: Module) -> Iterator[Function]:
    """Yields functions and methods, not those inside functions."""
    for node in module.tree.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (
                each for each in node.body if isinstance(each, Function)
            )


def num_lines(function: Function) -> int:
    """Returns the lines of a function, docstring and signature included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def called_once(module: Module) -> list[Function]:
    """Returns the private functions that their file names once."""
    uses: collections.Counter[str] = collections.Counter()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            uses[node.id] += 1
        elif isinstance(node, ast.Attribute):
            uses[node.attr] += 1
    return [
        each
        for each in functions(module)
        if each.name.startswith("_")
        and not each.name.startswith("__")
        and not each.decorator_list  # a property is no step of a function
        and uses[each.name] == 1
    ]


def with_example(found: Sequence[Module]) -> tuple[int, int]:
    """Counts the public functions and classes, and those with an example.

    Public is what stands in a room's table of contents. The example stands in
    the docstring.
    """
    docstrings = {}
    for module in found:
        name = ".".join(module.path.relative_to(ROOT).with_suffix("").parts)
        for node in module.tree.body:
            if isinstance(node, (ast.ClassDef, Function)):
                text = ast.get_docstring(node) or ""
                docstrings[f"{name}.{node.name}"] = text
    public = {
        name.defined
        for room in ["", *site_pages.rooms()]
        for name in site_pages.public_names(room)
    } & docstrings.keys()
    shown = sum(
        any(mark in docstrings[name] for mark in _EXAMPLE_MARKS)
        for name in public
    )
    return shown, len(public)


def table(found: Sequence[Module]) -> str:
    """Returns the figures as text."""
    lengths = [
        num_lines(each) for module in found for each in functions(module)
    ]
    once = sum(len(called_once(module)) for module in found)
    folders = collections.Counter(
        module.path.parent
        for module in found
        if module.path.name != "__init__.py"
    )
    fullest, most = folders.most_common(1)[0]
    shown, public = with_example(found)
    total = sum(module.num_lines for module in found)
    rows = [
        ("lines of the package", f"{total:,}"),
        ("lines a file", _spread([module.num_lines for module in found])),
        ("lines a function", _spread(lengths)),
        ("files a folder", _spread(list(folders.values()))),
        ("the fullest folder", f"{fullest.relative_to(ROOT)} ({most})"),
        ("functions and methods", f"{len(lengths):,}"),
        ("private and called once", _share(once, len(lengths))),
        ("public names with an example", _share(shown, public)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _spread(values: Sequence[int]) -> str:
    ninety = sorted(values)[int(0.9 * (len(values) - 1))]
    median = statistics.median(values)
    return f"median {median:g}, 90 % {ninety}, largest {max(values)}"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.0f} %)"


def main() -> None:
    """Prints the table, or the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--list",
        action="store_true",
        help="name the private functions that are called once",
    )
    arguments = parser.parse_args()
    found = modules(ROOT / "gblend_keras")
    if not arguments.list:
        print(table(found))
        return
    for module in found:
        for each in called_once(module):
            path = module.path.relative_to(ROOT)
            print(f"{path}:{each.lineno} {each.name} ({num_lines(each)} lines)")


if __name__ == "__main__":
    main()
