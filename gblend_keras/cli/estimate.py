"""Measures overfitting, generalisation and blend weights once; trains nothing.

Examples:
    gblend estimate
    gblend estimate --recipe=utd_mhad --data_dir=DIR --repeats=3
    gblend estimate --model=runs/my_run --epochs=5

A saved model must have unseen examples left: train it with
--set data.evaluate_on=validation, or on a set with a validation split.
"""

from collections.abc import Sequence

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet

FLAGS = common_flags.new_flags()
_RECIPE = common_flags.recipe(
    FLAGS,
    None,
    "Recipe to measure, or of the .keras file in --model; without either, "
    "digits.",
)
_MODEL = flags.DEFINE_string(
    "model",
    None,
    "A run directory, or a .keras file with its --recipe.",
    flag_values=FLAGS,
)
_DATA_DIR = common_flags.data_dir(FLAGS)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Where estimate.json goes. Default: the run directory in --model, or "
    "runs/estimate_RECIPE.",
    flag_values=FLAGS,
)
_EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "How long each head is trained alone. Default: all epochs of the recipe; "
    "of a saved model those of a super-epoch.",
    lower_bound=1,
    flag_values=FLAGS,
)
_REPEATS = flags.DEFINE_integer(
    "repeats",
    1,
    "How often, each time with another seed.",
    lower_bound=1,
    flag_values=FLAGS,
)
_SEED = flags.DEFINE_integer("seed", 0, "The first seed.", flag_values=FLAGS)
_SET = common_flags.settings(FLAGS)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `training`."""
    command.check_no_words(words)
    name = _RECIPE.value or (None if _MODEL.value else "digits")
    data_dir = common_flags.folder(FLAGS)
    if _MODEL.value:
        early_checks.check_model(_MODEL.value)
    if name:
        recipe = common_flags.changed_recipe(name, _SET.value)
        early_checks.check_recipe(recipe, data_dir)
    quiet.load_tensorflow()
    subject = gb.training.subject_of(
        gb.recipes.get(name) if name else None,
        _MODEL.value,
        settings=_SET.value,
        seed=_SEED.value,
    )
    output = gb.training.output_path(subject, _WORKDIR.value)
    found = gb.training.measure(
        subject,
        data_dir=data_dir,
        epochs=_EPOCHS.value,
        repeats=_REPEATS.value,
        output=output,
    )
    print(gb.training.table(found["estimates"], found["seeds"]))
    print("\n".join(found["words"]))
    print(f"These numbers are in {output}")
