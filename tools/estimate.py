"""Measures overfitting, generalisation and blend weights once; trains nothing.

Examples:
    python tools/estimate.py
    python tools/estimate.py --recipe=utd_mhad --data_dir=DIR --repeats=3
    python tools/estimate.py --model=runs/my_run --epochs=5

A saved model must have unseen examples left: train it with
--set data.evaluate_on=validation, or on a set with a validation split.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.training import single_estimate

_RECIPE = flags.DEFINE_enum(
    "recipe",
    None,
    gb.recipes.names(),
    "Recipe to measure, or of the .keras file in --model. Default: digits.",
)
_MODEL = flags.DEFINE_string(
    "model", None, "A run directory, or a .keras file with its --recipe."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder that holds the data sets' folders."
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Where estimate.json goes. Default: the run directory in --model, or "
    "runs/estimate_RECIPE.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "How long each head is trained alone. Default: all epochs of the recipe; "
    "of a saved model those of a super-epoch.",
    lower_bound=1,
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 1, "How often, each time with another seed.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "The first seed.")
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes a setting of the recipe: section.key=value."
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `estimating`."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    name = _RECIPE.value or (None if _MODEL.value else "digits")
    try:
        subject = single_estimate.subject_of(
            gb.recipes.get(name) if name else None,
            _MODEL.value,
            settings=_SET.value,
            seed=_SEED.value,
        )
        output = single_estimate.output_path(subject, _WORKDIR.value)
        found = single_estimate.measure(
            subject,
            data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
            epochs=_EPOCHS.value,
            repeats=_REPEATS.value,
            output=output,
        )
    except (ValueError, FloatingPointError, ImportError) as error:
        sys.exit(f"estimate: {error}")
    print(single_estimate.table(found["estimates"], found["seeds"]))
    print("\n".join(found["words"]))
    print(f"These numbers are in {output}")


if __name__ == "__main__":
    app.run(main)
