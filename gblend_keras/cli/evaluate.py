"""Evaluates a trained model: every head, view, subset of modalities.

Examples:
    gblend evaluate --model=RUN_DIR --data_dir=DIR
    gblend evaluate --model=my.keras --recipe=utd_mhad --data_dir=DIR
    gblend evaluate --verbs=EVALUATION_DIR --nouns=EVALUATION_DIR
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet

ERRORS = (*command.ERRORS, TypeError)  # Keras': a model of other layers

FLAGS = common_flags.new_flags()
_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run directory, or a .keras file (then name its recipe).",
    flag_values=FLAGS,
)
_RECIPE = common_flags.recipe(
    FLAGS, None, "Recipe whose data are used. Default: that of the run."
)
_SET = common_flags.settings(FLAGS, "Changes a setting of --recipe")
_DATA_DIR = common_flags.data_dir(FLAGS)
_SPLIT = flags.DEFINE_enum(
    "split",
    None,
    ["test", "validation", "train"],
    "Split to evaluate. Default: what the run itself reports, mostly test.",
    flag_values=FLAGS,
)
_SEED = flags.DEFINE_integer(
    "seed",
    None,
    "Seed that drew the validation part. Default: the run's.",
    flag_values=FLAGS,
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder for evaluation.json and predictions.npz. "
    "Default: evaluation_SPLIT beside the model.",
    flag_values=FLAGS,
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    64,
    "Examples computed at a time.",
    lower_bound=1,
    flag_values=FLAGS,
)
_CLIPS = flags.DEFINE_integer(
    "clips",
    10,
    "Clips of each video that are averaged.",
    lower_bound=1,
    flag_values=FLAGS,
)
_CROPS = flags.DEFINE_enum(
    "crops",
    "1",
    ["1", "3"],
    "Crops of each clip that are averaged.",
    flag_values=FLAGS,
)
_SUBSETS = flags.DEFINE_bool(
    "subsets",
    True,
    "Whether every subset of modalities is scored, too.",
    flag_values=FLAGS,
)
_COMPARE_ABSENT = flags.DEFINE_bool(
    "compare_absent",
    False,
    "Scores other fallbacks for absent modalities, too (choose on validation).",
    flag_values=FLAGS,
)
_VERBS = flags.DEFINE_string(
    "verbs",
    None,
    "Evaluation of a model of EPIC-Kitchens verbs.",
    flag_values=FLAGS,
)
_NOUNS = flags.DEFINE_string(
    "nouns",
    None,
    "Evaluation of a model of the same segments' nouns.",
    flag_values=FLAGS,
)
_ANSWER = flags.DEFINE_string(
    "answer",
    "pool",
    "With --verbs and --nouns: which answer makes actions: a head's name, "
    "ensemble, joint, blend or pool.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `evaluation`."""
    command.check_no_words(words)
    single, pair = bool(_MODEL.value), bool(_VERBS.value and _NOUNS.value)
    if single == pair:
        raise command.UsageError(
            "Expected --model, or --verbs and --nouns. Received: "
            f"{'all' if single else 'neither'}. Name what to evaluate."
        )
    if _SET.value and not _RECIPE.value:
        raise command.UsageError(
            "--set changes --recipe. Received: --set alone. Add --recipe."
        )
    if single:
        _evaluate()
    else:
        _combine()


def _evaluate() -> None:
    early_checks.check_model(str(_MODEL.value))
    recipe = None
    data_dir = common_flags.folder(FLAGS)
    if _RECIPE.value:
        recipe = common_flags.changed_recipe(_RECIPE.value, _SET.value)
        early_checks.check_recipe(recipe, data_dir)
    quiet.load_tensorflow()
    saved = gb.evaluation.SavedModel(
        model=Path(str(_MODEL.value)),
        recipe=recipe,
        data_dir=data_dir,
        split=_SPLIT.value,
        seed=_SEED.value,
        num_clips=_CLIPS.value,
        num_crops=int(_CROPS.value),
    )
    gb.evaluation.check_output(saved, _OUT.value)
    options = gb.evaluation.Options(
        batch_size=_BATCH_SIZE.value, subsets=_SUBSETS.value, verbose=True
    )
    found = gb.evaluation.evaluate_saved(
        saved, options=options, compare_absent=_COMPARE_ABSENT.value
    )
    out = gb.evaluation.output_folder(saved, found, _OUT.value)
    found.save(out)
    print(gb.evaluation.text_table(found.report))
    print(f"Everything about this evaluation is in {out}")
    page = gb.reporting.refresh_report(out)
    if page is not None:
        print(f"The page of the run was written again: {page}")


def _combine() -> None:
    early_checks.check_folder("verbs", str(_VERBS.value))
    early_checks.check_folder("nouns", str(_NOUNS.value))
    quiet.load_tensorflow()
    gb.evaluation.check_output(None, _OUT.value)
    found = gb.evaluation.combine_actions(
        Path(str(_VERBS.value)), Path(str(_NOUNS.value)), answer=_ANSWER.value
    )
    print(gb.evaluation.action_table(found))
    if _OUT.value:
        path = Path(_OUT.value) / "actions.json"
        gb.evaluation.save_actions(path, found)
        print(f"Everything about these actions is in {path}")
