"""The zoo: lists, shows, measures, adds and imports networks.

Examples:
    gblend zoo list
    gblend zoo show digits_online
    gblend zoo verify --data_dir=DIR
    gblend zoo evaluate utd_mhad_online --data_dir=DIR
    gblend zoo add RUN_DIR --about=about.json
    gblend zoo import vmz_gblend_ip_csn_152_kinetics FILE.pkl
    gblend zoo seal NAME      # after its entry.json was edited
    gblend zoo index          # writes zoo/README.md of a checkout

docs/zoo.md says what each does.
"""

import importlib
import sys
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet
from gblend_keras.utils import close_names
from gblend_keras.utils import files
from gblend_keras.zoo import cards
from gblend_keras.zoo import catalog

FLAGS = common_flags.new_flags()
_DATA_DIR = common_flags.data_dir(FLAGS)
_ABOUT = flags.DEFINE_string(
    "about",
    None,
    "add: JSON file that describes the entry; see docs/zoo.md.",
    flag_values=FLAGS,
)
_REPEATS = flags.DEFINE_list(
    "repeats",
    [],
    "add: runs with other seeds, for the spread.",
    flag_values=FLAGS,
)
_TO = flags.DEFINE_string(
    "to",
    None,
    "add: folder of entries; GBLEND_ZOO lists it then. "
    "Default: the package's own.",
    flag_values=FLAGS,
)
_CLASS_NAMES = flags.DEFINE_string(
    "class_names",
    None,
    "import: file with one name a line.",
    flag_values=FLAGS,
)
_OTHER = flags.DEFINE_bool(
    "other",
    False,
    "import: take a checkpoint of another size all the same.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns the command line into one call of the library."""
    actions: dict[str, tuple[Callable[..., None], int, int]] = {
        "list": (_list, 0, 0),
        "show": (_show, 1, 1),
        "verify": (_verify, 0, 1),
        "evaluate": (_evaluate, 1, 1),
        "add": (_add, 1, 1),
        "import": (_import, 2, 2),
        "seal": (_seal, 1, 1),
        "index": (_index, 0, 0),
    }
    if not words or words[0] not in actions:
        name = words[0] if words else ""
        raise command.UsageError(
            f"Expected one of {', '.join(actions)}. Received: {list(words)}. "
            f"{close_names.did_you_mean(name, list(actions))}".strip()
        )
    action, fewest, most = actions[words[0]]
    if not fewest <= len(words) - 1 <= most:
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise command.UsageError(
            f"Expected {count} {'word' if most == 1 else 'words'} after "
            f"{words[0]}. Received: {list(words[1:])}."
        )
    action(*words[1:])


def _list() -> None:
    print(cards.text_list([gb.zoo.entry(name) for name in gb.zoo.names()]))


def _show(name: str) -> None:
    print(gb.zoo.card(name), end="")


def _verify(name: str = "") -> None:
    entries = [gb.zoo.entry(each) for each in [name] if each]
    entries = entries or [gb.zoo.entry(each) for each in gb.zoo.names()]
    data_dir = common_flags.folder(FLAGS)
    verifier = _loaded("verifier")
    verdicts = []
    for entry in entries:
        verdict = verifier.verify(entry, data_dir)
        verdicts.append(verdict)
        print(verdict, flush=True)
    wrong = [verdict.name for verdict in verdicts if verdict.differs]
    if wrong:
        sys.exit(f"gblend zoo: not what the card says: {', '.join(wrong)}.")


def _evaluate(name: str) -> None:
    entry, data_dir = gb.zoo.entry(name), common_flags.folder(FLAGS)
    found = _loaded("verifier").evaluate_entry(
        entry,
        data_dir,
        options=gb.evaluation.Options(batch_size=64, verbose=True),
    )
    print(gb.evaluation.text_table(found.report))


def _add(run_dir: str) -> None:
    if not _ABOUT.value:
        raise command.UsageError("Expected --about=FILE.json; see docs/zoo.md.")
    for each in (run_dir, *_REPEATS.value):
        early_checks.check_model(each)
    early_checks.check_file("about", _ABOUT.value)
    entry_builder = _loaded("entry_builder")
    folder = entry_builder.add(
        Path(run_dir),
        entry_builder.read_description(Path(_ABOUT.value)),
        place=Path(_TO.value) if _TO.value else catalog.HERE,
        repeats=[Path(each) for each in _REPEATS.value],
    )
    print(f"The entry is in {folder}. `gblend zoo index` lists it.")


def _import(name: str, file: str) -> None:
    entry = gb.zoo.entry(name)
    early_checks.check_file("file", file)
    class_names: list[str] = []
    if _CLASS_NAMES.value:
        early_checks.check_file("class_names", _CLASS_NAMES.value)
        text = Path(_CLASS_NAMES.value).read_text(encoding="utf-8")
        class_names = text.splitlines()
    print(
        _loaded("importer").import_file(
            entry,
            Path(file),
            class_names=class_names,
            allow_other=_OTHER.value,
        )
    )
    print(f"gb.zoo knows {name} from now on.")


def _seal(name: str) -> None:
    found = catalog.folders()
    if name not in found:
        gb.zoo.entry(name)  # raises, and lists close names
    _loaded("entry_builder").seal(found[name])


def _index() -> None:
    entries = [gb.zoo.entry(name) for name in gb.zoo.names()]
    own = [entry for entry in entries if entry.folder.parent == catalog.HERE]
    files.write_text(catalog.HERE / "README.md", cards.index(own))
    print(f"{catalog.HERE / 'README.md'} lists {len(own)} entries.")


def _loaded(name: str) -> Any:
    # Not above, so that `list` and `show` are quick: these need TensorFlow.
    quiet.load_tensorflow()
    return importlib.import_module(f"gblend_keras.zoo.{name}")
