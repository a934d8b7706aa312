"""The file that keeps the estimates of a run, `blend_history.json`."""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.utils import files

HISTORY_FORMAT = 1


def write_history(
    path: Path, estimates: Sequence[BlendEstimate], states: Mapping[int, str]
) -> None:
    """Writes the file anew.

    Args:
        path: The file.
        estimates: Every estimate so far.
        states: `{epoch: fingerprint}` of the state that each is a function of.
    """
    entries = [
        {
            **estimate.to_json(),
            "format": HISTORY_FORMAT,
            "state": states[estimate.epoch],
        }
        for estimate in estimates
    ]
    files.write_json(path, entries)


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """Reads a `blend_history.json`: one object an estimate.

    Raises:
        ValueError: If the file is damaged or of another format.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        formats = {entry["format"] for entry in entries}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged. Expected a list of estimates. "
            f"Received: {error}. Remove the file to estimate anew."
        ) from error
    if formats - {HISTORY_FORMAT}:
        raise ValueError(
            f"{path} has another format. Expected {HISTORY_FORMAT}. "
            f"Received: {sorted(formats)}. Start in a new folder."
        )
    return entries
