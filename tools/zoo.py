"""The zoo: lists, shows, measures, adds and imports networks.

Examples:
    python tools/zoo.py list
    python tools/zoo.py show digits_online
    python tools/zoo.py verify --data_dir=DIR
    python tools/zoo.py evaluate utd_mhad_online --data_dir=DIR
    python tools/zoo.py add RUN_DIR --about=about.json
    python tools/zoo.py import vmz_gblend_ip_csn_152_kinetics FILE.pkl
    python tools/zoo.py seal NAME      # after its entry.json was edited
    python tools/zoo.py index          # writes zoo/README.md

docs/zoo.md says what each does.
"""

import importlib
import sys
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.utils import files
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog

_ROOT = Path(__file__).resolve().parents[1]

_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder that holds the data sets' folders."
)
_ABOUT = flags.DEFINE_string(
    "about", None, "add: JSON file that describes the entry; see docs/zoo.md."
)
_REPEATS = flags.DEFINE_list(
    "repeats", [], "add: runs with other seeds, for the spread."
)
_TO = flags.DEFINE_string(
    "to",
    None,
    "add: folder of entries; GBLEND_ZOO lists it then. "
    "Default: the package's own.",
)
_CLASS_NAMES = flags.DEFINE_string(
    "class_names", None, "import: file with one name a line."
)
_OTHER = flags.DEFINE_bool(
    "other", False, "import: take a checkpoint of another size all the same."
)


def main(argv: Sequence[str]) -> None:
    """Turns the command line into one call of the library."""
    commands: dict[str, tuple[Callable[..., None], int, int]] = {
        "list": (_list, 0, 0),
        "show": (_show, 1, 1),
        "verify": (_verify, 0, 1),
        "evaluate": (_evaluate, 1, 1),
        "add": (_add, 1, 1),
        "import": (_import, 2, 2),
        "seal": (_seal, 1, 1),
        "index": (_index, 0, 0),
    }
    if len(argv) < 2 or argv[1] not in commands:
        raise app.UsageError(
            f"Expected one of {', '.join(commands)}. Received: {argv[1:]}."
        )
    run, fewest, most = commands[argv[1]]
    if not fewest <= len(argv) - 2 <= most:
        raise app.UsageError(
            f"Expected {fewest} to {most} words after {argv[1]}. "
            f"Received: {argv[2:]}."
        )
    try:
        run(*argv[2:])
    except (ValueError, ImportError) as error:
        sys.exit(f"zoo: {error}")


def _list() -> None:
    print(cards.text_list([gb.zoo.entry(name) for name in gb.zoo.names()]))


def _show(name: str) -> None:
    print(gb.zoo.card(name), end="")


def _verify(name: str = "") -> None:
    verifying = _module("verifier")
    names = [name] if name else gb.zoo.names()
    verdicts = []
    for each in names:
        verdicts.append(verifying.verify(gb.zoo.entry(each), _data_dir()))
        print(verdicts[-1], flush=True)
    wrong = [verdict.name for verdict in verdicts if verdict.differs]
    if wrong:
        sys.exit(f"zoo: not what the card says: {', '.join(wrong)}.")


def _evaluate(name: str) -> None:
    found = _module("verifier").evaluate_entry(
        gb.zoo.entry(name),
        _data_dir(),
        options=gb.evaluation.Options(batch_size=64, verbose=True),
    )
    print(gb.evaluation.text_table(found.report))


def _add(run_dir: str) -> None:
    if not _ABOUT.value:
        raise app.UsageError("Expected --about=FILE.json; see docs/zoo.md.")
    adding = _module("entry_builder")
    folder = adding.add(
        Path(run_dir),
        adding.read_description(Path(_ABOUT.value)),
        place=Path(_TO.value) if _TO.value else catalog.HERE,
        repeats=[Path(each) for each in _REPEATS.value],
    )
    print(f"The entry is in {folder}. `tools/zoo.py index` lists it.")


def _import(name: str, file: str) -> None:
    class_names: list[str] = []
    if _CLASS_NAMES.value:
        text = Path(_CLASS_NAMES.value).read_text(encoding="utf-8")
        class_names = text.splitlines()
    print(
        _module("importer").import_file(
            gb.zoo.entry(name),
            Path(file),
            class_names=class_names,
            allow_other=_OTHER.value,
        )
    )
    print(f"gb.zoo knows {name} from now on.")


def _seal(name: str) -> None:
    _module("entry_builder").seal(catalog.folders()[name])


def _index() -> None:
    entries = [gb.zoo.entry(name) for name in gb.zoo.names()]
    own = [entry for entry in entries if entry.folder.parent == catalog.HERE]
    files.write_text(
        _ROOT / "zoo" / "README.md",
        cards.index(own, folder=f"../{catalog.HERE.relative_to(_ROOT)}"),
    )


def _module(name: str) -> Any:
    # Here, so that --help is quick: these import TensorFlow.
    return importlib.import_module(f"gblend_keras.zoo.{name}")


def _data_dir() -> Path | None:
    return Path(_DATA_DIR.value) if _DATA_DIR.value else None


if __name__ == "__main__":
    app.run(main)
