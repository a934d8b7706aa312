"""Evaluates a trained model: every head, view, subset of modalities.

Examples:
    python tools/evaluate.py --model=RUN_DIR --data_dir=DIR
    python tools/evaluate.py --model=my.keras --recipe=utd_mhad --data_dir=DIR
    python tools/evaluate.py --verbs=EVALUATION_DIR --nouns=EVALUATION_DIR
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.evaluation import saved_model

_MODEL = flags.DEFINE_string(
    "model", None, "Run directory, or a .keras file (then name its recipe)."
)
_RECIPE = flags.DEFINE_enum(
    "recipe",
    None,
    gb.recipes.names(),
    "Recipe whose data are used. Default: that of the run.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes a setting of --recipe: section.key=value."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder that holds the data sets' folders."
)
_SPLIT = flags.DEFINE_enum(
    "split",
    None,
    ["test", "validation", "train"],
    "Split to evaluate. Default: what the run itself reports, mostly test.",
)
_SEED = flags.DEFINE_integer(
    "seed", None, "Seed that drew the validation part. Default: the run's."
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder for evaluation.json and predictions.npz. "
    "Default: evaluation_SPLIT beside the model.",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 64, "Examples computed at a time.", lower_bound=1
)
_CLIPS = flags.DEFINE_integer(
    "clips", 10, "Clips of each video that are averaged.", lower_bound=1
)
_CROPS = flags.DEFINE_enum(
    "crops", "1", ["1", "3"], "Crops of each clip that are averaged."
)
_SUBSETS = flags.DEFINE_bool(
    "subsets", True, "Whether every subset of modalities is scored, too."
)
_COMPARE_ABSENT = flags.DEFINE_bool(
    "compare_absent",
    False,
    "Scores other rules for absent modalities, too (choose on validation).",
)
_VERBS = flags.DEFINE_string(
    "verbs", None, "Evaluation of a model of EPIC-Kitchens verbs."
)
_NOUNS = flags.DEFINE_string(
    "nouns", None, "Evaluation of a model of the same segments' nouns."
)
_ANSWER = flags.DEFINE_string(
    "answer",
    "blend",
    "With --verbs and --nouns: which answer makes actions: a head's name, "
    "ensemble, joint, blend or available.",
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `evaluation`."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    single, pair = bool(_MODEL.value), bool(_VERBS.value and _NOUNS.value)
    if single == pair:
        raise app.UsageError(
            "Expected --model, or --verbs and --nouns. Received: "
            f"{'all' if single else 'neither'}. Name what to evaluate."
        )
    if _SET.value and not _RECIPE.value:
        raise app.UsageError(
            "--set changes --recipe. Received: --set alone. Add --recipe."
        )
    try:
        if single:
            _evaluate()
        else:
            _combine()
    except (ValueError, TypeError, FloatingPointError, ImportError) as error:
        sys.exit(f"evaluate: {error}")


def _evaluate() -> None:
    recipe = None
    if _RECIPE.value:
        recipe = gb.config.with_settings(
            gb.recipes.get(_RECIPE.value), _SET.value
        )
    saved = saved_model.Saved(
        model=Path(_MODEL.value),
        recipe=recipe,
        data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
        split=_SPLIT.value,
        seed=_SEED.value,
        num_clips=_CLIPS.value,
        num_crops=int(_CROPS.value),
    )
    saved_model.check_output(saved, _OUT.value)
    options = gb.evaluation.Options(
        batch_size=_BATCH_SIZE.value, subsets=_SUBSETS.value, verbose=True
    )
    found = saved_model.evaluate_saved(
        saved, options=options, compare_absent=_COMPARE_ABSENT.value
    )
    out = saved_model.output_folder(saved, found, _OUT.value)
    found.save(out)
    print(gb.evaluation.text_table(found.report))
    print(f"Everything about this evaluation is in {out}")
    page = gb.reporting.refresh_report(out)
    if page is not None:
        print(f"The page of the run was written again: {page}")


def _combine() -> None:
    saved_model.check_output(None, _OUT.value)
    found = saved_model.combine_actions(
        Path(_VERBS.value), Path(_NOUNS.value), answer=_ANSWER.value
    )
    print(gb.evaluation.action_table(found))
    if _OUT.value:
        path = Path(_OUT.value) / "actions.json"
        saved_model.save_actions(path, found)
        print(f"Everything about these actions is in {path}")


if __name__ == "__main__":
    app.run(main)
