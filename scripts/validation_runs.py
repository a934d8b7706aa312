"""What scripts share that train recipes on their validation splits.

Finished runs stand in a file, one a line, so that a stopped call goes on.
"""

import argparse
import json
from pathlib import Path
from typing import Any

SETTINGS = (  # the default loss scale, whatever the recipe has
    "data.evaluate_on=validation",
    "train.loss_scale=0",
    "train.scale_by=joint",
)


def arguments(description: str | None) -> argparse.Namespace:
    """Returns `recipes`, `data_dir`, `out` and `seeds` of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--data_dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the runs in a file; none where there is no file."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def append(path: Path, run: dict[str, Any]) -> None:
    """Adds a finished run to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
