"""The entries of the zoo: found, read, and checked where they enter."""

import dataclasses
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gblend_keras import config
from gblend_keras.utils import close_names
from gblend_keras.utils import files

ENTRY_FORMAT = 1
KINDS = ("trained", "imported", "hub")
ENTRY = "entry.json"
RECIPE = "recipe.json"
METRICS = "metrics.json"
CARD = "card.md"
SUMS = "SHA256SUMS"
WEIGHTS = "weights.npz"
PLACE = "GBLEND_ZOO"  # environment: a mirror's URL, or a local folder
_INSIDE = Path(__file__).parent / "entries"  # in a wheel
HERE = _INSIDE if _INSIDE.is_dir() else Path(__file__).parents[2] / "zoo"

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Input:
    """What goes into one input.

    Attributes:
        shape: Without the batch axis; None where any size fits.
        values: Unit, range and meaning, in words.
    """

    shape: tuple[int | None, ...]
    values: str


@dataclasses.dataclass(frozen=True)
class Weights:
    """A file of weights.

    Attributes:
        file: Its name, in the entry's folder or a mirror's.
        sha256: Of the file, in hexadecimal digits.
        num_bytes: Its size.
        source: Where it is fetched when it is not in the folder; "" for
            nowhere but a mirror.
    """

    file: str
    sha256: str
    num_bytes: int
    source: str = ""

    def __post_init__(self) -> None:
        check_file_name("weights.file", self.file)
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(
                "`weights.sha256` is no checksum. Expected 64 hexadecimal "
                f"digits. Received: {self.sha256!r}. Restore the entry."
            )
        if self.source and not self.source.startswith("https://"):
            raise ValueError(
                "`weights.source` is no safe address. Expected https://... . "
                f"Received: {self.source!r}. Restore the entry."
            )


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A public checkpoint that the user brings.

    Attributes:
        source: Whose it is, as `converters.convert_checkpoint` knows it.
        file: Its name at the source.
        address: Where it was published; "" where no address is known.
        clip: Frames, height and width.
    """

    source: str
    file: str
    address: str
    clip: tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class HubModel:
    """A model of TensorFlow Hub.

    Attributes:
        handle: What tensorflow-hub resolves.
        endpoint: A method or a signature of the SavedModel.
        output: Which output is the feature: its place, where outputs are a
            tuple, or its name; "" where there is one.
        num_features: Length of the feature vector.
        one_by_one: Whether it takes one unbatched example and gives rows,
            which are averaged.
    """

    handle: str
    endpoint: str
    output: str
    num_features: int
    one_by_one: bool = False


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the zoo knows of one network.

    Attributes:
        name: By which it loads.
        folder: Where its files are.
        kind: "trained" here, "imported" from a public checkpoint that the
            user brings, or "hub".
        title: One line.
        about: Prose for the card, by heading.
        inputs: `{modality: input}`.
        class_names: One a class; empty where they are not known.
        num_classes: How many classes, 0 for a tower without a classifier.
        multi_label: Whether an example may have several classes.
        clips: How clips are cut out of videos; None where arrays go in.
        weights: Of trained entries.
        checkpoint: Of imported entries.
        hub: Of Hub entries.
        published: Accuracies in percent that others state.

    Example:
        >>> import gblend_keras as gb
        >>> entry = gb.zoo.entry("digits_online")
        >>> entry.kind, entry.num_classes
        ('trained', 10)
        >>> list(entry.inputs)
        ['image', 'sound']
    """

    name: str
    folder: Path
    kind: str
    title: str
    about: Mapping[str, str]
    inputs: Mapping[str, Input]
    num_classes: int
    class_names: tuple[str, ...] = ()
    multi_label: bool = False
    clips: config.ClipConfig | None = None
    weights: Weights | None = None
    checkpoint: Checkpoint | None = None
    hub: HubModel | None = None
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        config.check_choice("kind", self.kind, KINDS)
        part = {"trained": "weights", "imported": "checkpoint", "hub": "hub"}
        if getattr(self, part[self.kind]) is None:
            raise ValueError(
                f"`{part[self.kind]}` is missing. Expected it in an entry of "
                f"kind '{self.kind}'. Received: none. Restore the entry."
            )

    def file(self, name: str) -> Path:
        """Returns a file of the folder.

        Raises:
            ValueError: If it would lie outside.
        """
        return inside(self.folder, name)


def folders() -> dict[str, Path]:
    """Returns `{name: folder}` of the package's and the user's entries."""
    found: dict[str, Path] = {}
    for place in (HERE, local_place()):
        if place is not None and place.is_dir():
            found |= {
                each.name: each
                for each in place.iterdir()
                if _NAME.fullmatch(each.name) and (each / ENTRY).is_file()
            }
    return found


def local_place() -> Path | None:
    """Returns the folder that GBLEND_ZOO names, if it names one."""
    value = os.environ.get(PLACE, "")
    if value.startswith("file://"):
        return Path(
            urllib.request.url2pathname(urllib.parse.urlsplit(value).path)
        )
    if not value or "://" in value:
        return None
    return Path(value).expanduser()


def find(name: str) -> Entry:
    """Returns an entry by name.

    Raises:
        ValueError: If there is none of this name, or a file of it is damaged.
    """
    known = folders()
    if name not in known:
        every = sorted(known)
        advice = close_names.did_you_mean(name, every).strip()
        raise ValueError(
            "`name` is not in the zoo. Expected one of "
            f"{every}. Received: name={name!r}. "
            f"{advice or 'Choose one of them.'}"
        )
    check_sums(known[name])
    return read(known[name])


def card(name: str) -> str:
    """Returns the card of an entry."""
    return find(name).file(CARD).read_text(encoding="utf-8")


def recipe(entry: Entry) -> config.Recipe:
    """Returns the recipe of a trained entry.

    Raises:
        ValueError: If it has none.
    """
    return config.Recipe.from_json(training(entry)["recipe"])


def training(entry: Entry) -> dict[str, Any]:
    """Returns how an entry was trained: recipe, blend, seed, command.

    Raises:
        ValueError: If it was not trained by a recipe.
    """
    if entry.kind != "trained":
        raise ValueError(
            f"{entry.name} has no recipe. Expected a trained entry. Received: "
            f"kind='{entry.kind}'. Use gb.zoo.load or gb.zoo.tower."
        )
    return read_json(entry.file(RECIPE))


def metrics(entry: Entry) -> dict[str, Any]:
    """Returns what was measured of a trained entry."""
    return read_json(entry.file(METRICS))


def read(folder: Path) -> Entry:
    """Reads an entry.

    Raises:
        ValueError: If it is damaged, or points outside its folder.
    """
    path = inside(folder, ENTRY)
    values = read_json(path)
    if values.pop("format", None) != ENTRY_FORMAT:
        raise ValueError(
            f"{path} has another format. Expected format {ENTRY_FORMAT}. "
            "Received: another number, or none. Use a version that knows it."
        )
    try:
        values["inputs"] = {
            modality: Input(tuple(each["shape"]), each["values"])
            for modality, each in values["inputs"].items()
        }
        for key, kind in (
            ("weights", Weights),
            ("checkpoint", Checkpoint),
            ("hub", HubModel),
            ("clips", config.ClipConfig),
        ):
            if values.get(key) is not None:
                values[key] = kind(**_tuples(values[key]))
        return Entry(name=folder.name, folder=folder, **_tuples(values))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} is no entry of the zoo. Expected the fields of one. "
            f"Received: {type(error).__name__}: {error} Restore the file."
        ) from error


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
    }


def to_json(entry: Entry) -> dict[str, Any]:
    """Returns the contents of an entry's file."""
    values = dataclasses.asdict(entry)
    del values["name"], values["folder"]
    return {"format": ENTRY_FORMAT} | {
        key: value for key, value in values.items() if value not in (None, {})
    }


def read_json(path: Path) -> dict[str, Any]:
    """Reads an object of a file.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    return files.read_json(
        path, dict, expected="a file of the zoo", advice="Restore it."
    )


def check_name(name: str) -> None:
    """Raises unless `name` can be an entry's."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            "`name` cannot name an entry. Expected small letters, digits and "
            f"underscores. Received: name={name!r}. Rename it."
        )


def check_file_name(field: str, name: str) -> None:
    """Raises unless `name` is a plain file name."""
    if not name or name in (".", "..") or re.search(r"[\\/:\0]", name):
        raise ValueError(
            f"`{field}` points outside the entry's folder. Expected the name "
            f"of a file in it. Received: {name!r}. Do not use this entry."
        )


def inside(folder: Path, name: str) -> Path:
    """Returns a file of a folder.

    Raises:
        ValueError: If the name, or a link, leads outside.
    """
    check_file_name("file", name)
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise ValueError(
            f"{path} points outside the entry's folder. Expected a file in "
            f"it. Received: a link to {path.resolve()}. "
            "Do not use this entry."
        )
    return path


def sums(folder: Path) -> dict[str, str]:
    """Returns `{file: sha256}` of an entry's `SHA256SUMS`.

    Raises:
        ValueError: If it is missing or damaged.
    """
    path = inside(folder, SUMS)
    found = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            digest, name = line.split("  ", 1)
            check_file_name("SHA256SUMS", name)
            found[name] = digest
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be used. Expected lines of a checksum and a "
            f"file's name. Received: {error} Restore the file."
        ) from error
    return found


def check_sums(folder: Path) -> None:
    """Raises unless the small files of an entry are as they were added.

    The weights are checked when they are loaded.
    """
    expected = sums(folder)
    missing = {ENTRY, CARD} - set(expected)
    wrong = sorted(missing) + [
        name
        for name, digest in expected.items()
        if name != WEIGHTS and sha256(inside(folder, name)) != digest
    ]
    if wrong:
        raise ValueError(
            f"{folder} was altered or is damaged. Expected the files that "
            f"{SUMS} lists. Received: {', '.join(wrong)} missing or another. "
            "Restore the folder."
        )


def sha256(path: Path) -> str:
    """Returns the checksum of a file, "" if there is none."""
    try:
        return files.sha256(path)
    except FileNotFoundError:
        return ""
