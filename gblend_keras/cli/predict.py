"""Predicts the classes of video files, for each head.

Example:
    gblend predict clip.mp4 other.mp4 --model=runs/grid_color_av
"""

from collections.abc import Sequence

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet

FLAGS = common_flags.new_flags()
_MODEL = flags.DEFINE_string(
    "model", None, "Run directory of gblend train.", flag_values=FLAGS
)
_TOP = flags.DEFINE_integer(
    "top", 5, "Classes a head.", lower_bound=1, flag_values=FLAGS
)
_CLIPS = flags.DEFINE_integer(
    "clips",
    10,
    "Clips of each file that are averaged.",
    lower_bound=1,
    flag_values=FLAGS,
)
_CROPS = flags.DEFINE_enum(
    "crops", "1", ["1", "3"], "Crops of each clip.", flag_values=FLAGS
)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `evaluation`."""
    if not words:
        raise command.UsageError("Expected at least one video file.")
    command.check_given(FLAGS, "model")
    early_checks.check_model(str(_MODEL.value))
    quiet.load_tensorflow()
    predictions = gb.evaluation.predict_videos(
        gb.runs.load_run(str(_MODEL.value)),
        words,
        num_clips=_CLIPS.value,
        num_crops=int(_CROPS.value),
    )
    for prediction in predictions:
        print(gb.evaluation.describe(prediction, count=_TOP.value))
