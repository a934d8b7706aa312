"""Predicts the classes of video files, for each head.

Example:
    python tools/predict.py clip.mp4 other.mp4 --model=runs/grid_color_av
"""

import sys
from collections.abc import Sequence

from absl import app
from absl import flags

import gblend_keras as gb
from gblend_keras.evaluation import video_predictor

_MODEL = flags.DEFINE_string(
    "model", None, "Run directory of tools/train.py.", required=True
)
_TOP = flags.DEFINE_integer("top", 5, "Classes a head.", lower_bound=1)
_CLIPS = flags.DEFINE_integer(
    "clips", 10, "Clips of each file that are averaged.", lower_bound=1
)
_CROPS = flags.DEFINE_enum("crops", "1", ["1", "3"], "Crops of each clip.")


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `predicting`."""
    paths = argv[1:]
    if not paths:
        raise app.UsageError("Expected at least one video file.")
    try:
        run = gb.runs.load_run(_MODEL.value)
        predictions = video_predictor.predict_videos(
            run, paths, num_clips=_CLIPS.value, num_crops=int(_CROPS.value)
        )
    except (ValueError, ImportError) as error:
        sys.exit(f"predict: {error}")
    for prediction in predictions:
        print(video_predictor.describe(prediction, count=_TOP.value))


if __name__ == "__main__":
    app.run(main)
