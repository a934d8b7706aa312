"""A run directory: one run at a time, and no other run's."""

import contextlib
import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras import config
from gblend_keras.utils import files
from gblend_keras.utils import lock

RUN_FORMAT = 1  # of recipe.json and summary.json
RECIPE = "recipe.json"
MODEL = "model.keras"
SUMMARY = "summary.json"
METRICS = "metrics.csv"  # see `metrics_log.MetricsLog`
HISTORY = "blend_history.json"  # see `blending.estimate`
COMPARISON = "comparison.json"  # of a folder of runs
# Columns of METRICS that are measured on the split that a summary reports.
EVALUATED = "evaluated_"
BASELINE = "joint"  # the method that a comparison compares others with
LOCK = ".lock"
CHECKPOINTS = "checkpoint"  # folder of a run that has not ended
FAILURE = "failed.json"  # of a run that has failed, see `failures`
_MOST_NAMED = 3  # settings in a message
# What is compared of a `recipe.json`; the rest says how it came about.
_IDENTITY = ("recipe", "seed", "blend", "init_from")


@contextlib.contextmanager
def claimed(workdir: Path) -> Iterator[None]:
    """Makes a folder when missing and keeps other runs out of it.

    The lock belongs to the process: it ends with it, however it ends, so
    nothing stale is left. What a killed run left half written is removed.

    Args:
        workdir: The run directory.

    Raises:
        ValueError: If the folder cannot be written, or is in use.
    """
    with contextlib.ExitStack() as stack:
        with files.writing_into(workdir, argument="workdir"):
            try:
                stack.enter_context(lock.held(workdir / LOCK))
            except lock.InUseError as error:
                raise ValueError(
                    f"`workdir` is in use: {workdir}. Expected a folder in "
                    f"which no other run works. Received: {error} works in "
                    "it. Wait for that run, or choose another folder."
                ) from error
        files.remove_partial(workdir)
        yield


def check_identity(workdir: Path, identity: Mapping[str, Any]) -> None:
    """Raises if the folder holds another run.

    A recipe of an earlier version is the same when it is after its missing
    settings got their defaults.

    Args:
        workdir: The run directory.
        identity: What its `recipe.json` should hold.

    Raises:
        ValueError: If it holds something else, or is damaged.
    """
    path = workdir / RECIPE
    if not path.exists():
        return
    found = read_identity(path)
    expected = json.loads(json.dumps(identity))
    different = [
        key for key in _IDENTITY if found.get(key, "") != expected.get(key, "")
    ]
    if different:
        settings = changed_settings(found["recipe"], expected.get("recipe", {}))
        raise ValueError(
            f"`workdir` holds another run: {workdir}. Expected the same "
            f"recipe, seed and blend. Received: another {different[0]}"
            f"{settings}. "
            "Choose another folder, or repeat that run's command."
        )


def changed_settings(
    found: Mapping[str, Any], expected: Mapping[str, Any]
) -> str:
    """Says in which settings two recipes differ, in parentheses, or nothing.

    Args:
        found: A recipe as plain values.
        expected: Another one.
    """
    before, after = _flat(found), _flat(expected)
    changed = [
        f"{key} is {json.dumps(before[key])}, not {json.dumps(after[key])}"
        for key in before
        if key in after and before[key] != after[key]
    ]
    if not changed:
        return ""
    more = ", and more" if len(changed) > _MOST_NAMED else ""
    return f" ({', '.join(changed[:_MOST_NAMED])}{more})"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns `{"section.key": value}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def accuracy_column(rows: Sequence[Mapping[str, str]], answer: str) -> str:
    """Names the column with an answer's accuracy after each epoch.

    That on the split that is reported where it was logged, else that on what
    the `val_` columns were measured on.

    Args:
        rows: Of `metrics.csv`.
        answer: A head, or a mean of heads.
    """
    column = f"{EVALUATED}{answer}_accuracy"
    return column if rows and column in rows[0] else f"val_{answer}_accuracy"


def read_identity(path: Path) -> dict[str, Any]:
    """Reads a `recipe.json` of this or an earlier version.

    Args:
        path: The file.

    Returns:
        What it holds; settings of the recipe that are missing are filled in.

    Raises:
        ValueError: If it is missing, damaged or another version's.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> identity = gb.runs.read_identity(Path("run/recipe.json"))
        >>> identity["blend"], identity["seed"]
        ('online', 0)
    """
    return with_whole_recipe(path, read_object(path), ("seed", "blend"))


def with_whole_recipe(
    path: Path, found: dict[str, Any], needed: Iterable[str] = ()
) -> dict[str, Any]:
    """Fills in what an earlier version's recipe lacks.

    Args:
        path: The file, for the message.
        found: What it holds.
        needed: Other fields that it should have.

    Raises:
        ValueError: If it is another version's, or lacks a field.
    """
    try:
        recipe = config.Recipe.from_json(found["recipe"]).to_json()
        others = {name: found[name] for name in needed}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be understood. Expected a recipe. "
            f"Received: {error} "
            "Choose another folder, or finish it with its own version."
        ) from error
    return {**found, **others, "recipe": json.loads(json.dumps(recipe))}


def read_object(path: Path) -> dict[str, Any]:
    """Reads a file that a run wrote: its recipe or its summary.

    Raises:
        ValueError: If it is missing, damaged, or of a format that is not
            known.
    """
    if not path.is_file():
        raise ValueError(
            f"{path.parent} holds no finished run. Expected {path.name} in "
            "it. Received: a folder without. "
            "Give the --workdir of a run that has ended."
        )
    found: dict[str, Any] = files.read_json(
        path,
        dict,
        expected="a file that a run wrote",
        advice="Train again in another folder.",
    )
    if found.get("format") != RUN_FORMAT:
        raise ValueError(
            f"{path} has another format. Expected {RUN_FORMAT}. "
            f"Received: format={found.get('format')}. "
            "Choose another folder, or use the version that wrote it."
        )
    return found


def model_file(path: str | Path) -> Path:
    """Returns the `.keras` file of a run directory, or the file itself.

    Raises:
        ValueError: If it is not there.
    """
    file = Path(path)
    if file.is_dir():
        file = file / MODEL
    if not file.is_file():
        raise ValueError(
            f"`model` is not there: {file}. Expected a finished run directory "
            "or a .keras file. Received: a path without a file. "
            "Finish the run, or correct the path."
        )
    return file
