"""Pages of the documentation site that stand elsewhere in the repository.

MkDocs loads this file as a hook (see `mkdocs.yml`). It adds the README and its
neighbours, the tutorial, the cards of the zoo, and an API reference with a
page for each room, made from the rooms' tables of contents (`__init__.pyi`).
"""

import ast
import base64
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gblend_keras"

# File of the repository -> page of the site.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "BUILD.md": "building.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "docs/tutorial.ipynb": "tutorial.md",
    "zoo/README.md": "zoo_entries.md",
}
_CODE = re.compile(r"^ *```.*?^ *```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


class Name(NamedTuple):
    """A public name.

    Attributes:
        public: As users write it, "gblend_keras.data.read_npz".
        defined: Where it is defined, "gblend_keras.data.npz.read_npz".
    """

    public: str
    defined: str


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages; MkDocs calls it with all files of `docs`."""
    from mkdocs.structure import files as mkdocs_files

    def add(uri: str, content: str | bytes) -> None:
        files.append(mkdocs_files.File.generated(config, uri, content=content))

    for source, uri in PAGES.items():
        if source.endswith(".md"):
            text = (ROOT / source).read_text(encoding="utf-8")
            add(uri, spaced(relinked(text, source)))
    for card in sorted((ROOT / "zoo").glob("*/card.md")):
        source = card.relative_to(ROOT).as_posix()
        text = card.read_text(encoding="utf-8")
        add(page_of(source), spaced(relinked(text, source)))
    tutorial = ROOT / "docs" / "tutorial.ipynb"
    files.remove(files.get_file_from_path("tutorial.ipynb"))
    text, pictures = notebook_page(json.loads(tutorial.read_text("utf-8")))
    add("tutorial.md", text)
    for name, picture in pictures.items():
        add(name, picture)
    for uri, text in reference_pages().items():
        add(uri, text)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Prepares a guide: links that lead out of `docs`, lists, tables."""
    if page.file.generated_by:
        return markdown
    return spaced(relinked(markdown, f"docs/{page.file.src_uri}"))


def page_of(source: str) -> str:
    """Returns the page of the site for a file, or "" where it has none."""
    if source in PAGES:
        return PAGES[source]
    if match := re.fullmatch(r"zoo/(\w+)/card\.md", source):
        return f"zoo_cards/{match[1]}.md"
    if source.startswith("docs/") and (ROOT / source).is_file():
        return source.removeprefix("docs/")
    return ""


def relinked(markdown: str, source: str) -> str:
    """Returns the text with its links as the site needs them.

    A link to a file that has no page becomes plain text. Blocks of code stay
    as they are.

    Args:
        markdown: The text.
        source: The file that it stands in, from the repository's root.
    """

    def mended(match: re.Match[str]) -> str:
        mark, words, target, anchor = match.groups()
        if not target or re.match(r"\w+:", target):
            return match[0]
        place = posixpath.join(posixpath.dirname(source), target)
        uri = page_of(posixpath.normpath(place))
        if not uri:
            return words
        start = posixpath.dirname(page_of(source)) or "."
        uri = posixpath.relpath(uri, start)
        return f"{mark}[{words}]({uri}{anchor or ''})"

    pieces, end = [], 0
    for block in _CODE.finditer(markdown):
        pieces += [_LINK.sub(mended, markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*pieces, _LINK.sub(mended, markdown[end:])])


def spaced(markdown: str) -> str:
    """Returns the text as Python-Markdown wants it.

    A list or a table of GitHub's may stand right below a sentence, and the
    inside of a list item has two or three spaces before it. Python-Markdown
    needs an empty line and four spaces.
    """
    lines: list[str] = []
    fence = ""  # the spaces before the block of code that is open
    in_code = in_list = False
    for line in markdown.splitlines():
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        above = lines[-1] if lines else ""
        if text.startswith("```"):
            if not in_code:
                fence = " " * (4 - indent) if indent in (2, 3) else ""
                if above.strip() and not above.lstrip().startswith("<!--"):
                    lines.append("")
            lines.append(fence + line)
            in_code = not in_code
            continue
        if in_code:
            lines.append(fence + line if text else line)
            continue
        is_item = bool(re.match(r"(?:[-*]|\d+\.) ", text))
        if text and indent == 0 and not is_item and not above.strip():
            in_list = False
        is_first = (is_item and not in_list) or (
            text.startswith("|") and not above.startswith("|")
        )
        if above.strip() and (is_first or above.lstrip().startswith("```")):
            lines.append("")
        in_list = in_list or is_item
        lines.append(" " * 4 + text if indent in (2, 3) else line)
    return "\n".join(lines) + "\n"


def notebook_page(notebook: Any) -> tuple[str, dict[str, bytes]]:
    """Renders a notebook that was run.

    Returns:
        The page, and its pictures `{file name: PNG}`.
    """
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(spaced(relinked(text, "docs/tutorial.ipynb")))
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"tutorial_{len(pictures)}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![What the code above draws]({name})")
            else:
                shown = "".join(output.get("text", data.get("text/plain", "")))
                parts.append(f"```text\n{shown.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", pictures


def rooms() -> list[str]:
    """Returns the public rooms and their inner rooms: "data", "data/media"."""
    found = [
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("__init__.pyi")
        if path.parent != PACKAGE
    ]
    return sorted([*found, "config"])


def public_names(room: str) -> list[Name]:
    """Returns the names of a room's table of contents, as it lists them.

    Args:
        room: A folder of the package, "data/media"; "" for the package.
    """
    folder = PACKAGE / room
    contents = folder / "__init__.pyi"
    if not contents.exists():
        contents = folder / "__init__.py"
    here = ".".join(["gblend_keras", *filter(None, room.split("/"))])
    tree = ast.parse(contents.read_text(encoding="utf-8"))
    return [
        Name(
            f"{here}.{alias.asname or alias.name}",
            _origin(module, alias.name),
        )
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for module in [_module(node, here)]
        for alias in node.names
        if not _is_module(f"{module}.{alias.name}")
    ]


def reference_pages() -> dict[str, str]:
    """Returns the pages of the API reference, `{page: text}`."""
    shown = {
        name.defined: name for room in rooms() for name in public_names(room)
    }
    pages = {"api/index.md": _overview(shown)}
    for room in rooms():
        top = room.split("/")[0]
        pages.setdefault(f"api/{top}.md", _room_page(top))
    return pages


def _module(node: ast.ImportFrom, here: str) -> str:
    inside = here if node.level else ""
    return ".".join(filter(None, [inside, node.module]))


def _origin(module: str, name: str) -> str:
    """Where a name is defined, which a room may only hand on."""
    room = module.removeprefix("gblend_keras").replace(".", "/").strip("/")
    if room and (PACKAGE / room).is_dir():
        public = {
            each.public.rsplit(".", maxsplit=1)[-1]: each.defined
            for each in public_names(room)
        }
        return public[name]
    return f"{module}.{name}"


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def _overview(shown: dict[str, Name]) -> str:
    lines = [
        "# API reference",
        "",
        "Names of the package itself, `import gblend_keras as gb`:",
        "",
        "| name | what it is |",
        "|---|---|",
    ]
    for name in sorted(public_names("")):
        short = name.public.replace("gblend_keras", "gb")
        target = shown.get(name.defined, name).defined
        lines.append(f"| [`{short}`][{target}] | {_first_line(target)} |")
    lines += [
        "",
        "Rooms, each a page:",
        "",
        "| room | what is in it |",
        "|---|---|",
    ]
    for room in rooms():
        if "/" not in room:
            about = _about(room).split("\n")[0].split(": ", maxsplit=1)[-1]
            lines.append(f"| [`gb.{room}`]({room}.md) | {about} |")
    return "\n".join(lines) + "\n"


def _room_page(top: str) -> str:
    parts = [f"# gb.{top}", _about(top)]
    inner = [room for room in rooms() if room.startswith(f"{top}/")]
    # An inner room shows its names, also those that the outer one hands on.
    seen = {name.defined for room in inner for name in public_names(room)}
    parts += _entries(top, seen, level=2)
    seen.clear()
    for room in inner:
        title = room.replace("/", ".")
        entries = list(_entries(room, seen, level=3))
        if entries:
            parts += [f"## gb.{title}", _about(room), *entries]
    return "\n\n".join(parts) + "\n"


def _entries(room: str, seen: set[str], level: int) -> Iterator[str]:
    """Yields the directive of each name that has none on the page yet."""
    for public, defined in public_names(room):
        if defined in seen:
            continue
        seen.add(defined)
        short = public.replace("gblend_keras", "gb")
        yield (
            f"::: {defined}\n"
            "    options:\n"
            f"      heading: {short}\n"
            f"      toc_label: {short.rsplit('.', maxsplit=1)[-1]}\n"
            f"      heading_level: {level}"
        )


def _about(room: str) -> str:
    folder = PACKAGE / room
    contents = folder / "__init__.pyi"
    if not contents.exists():
        contents = folder / "__init__.py"
    tree = ast.parse(contents.read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


def _first_line(defined: str) -> str:
    """The first line of a name's docstring."""
    module, name = defined.rsplit(".", maxsplit=1)
    path = ROOT / f"{module.replace('.', '/')}.py"
    if not path.exists():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if node.name == name:
                return (ast.get_docstring(node) or "").split("\n")[0]
    return ""
