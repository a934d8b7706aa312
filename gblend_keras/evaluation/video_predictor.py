"""Video files and a trained model -> the likeliest classes."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.answers import pool
from gblend_keras.data import datasets
from gblend_keras.data.clips import clip_set
from gblend_keras.data.clips import footage
from gblend_keras.data.clips import video_library
from gblend_keras.heads import POOL
from gblend_keras.runs.loader import FinishedRun

NUM_CLIPS = 10  # the paper's, section 3.1


@dataclasses.dataclass(frozen=True)
class VideoPrediction:
    """The answer for one video.

    Attributes:
        path: The file.
        probabilities: `{answer: (classes,)}`: averaged over the views; the
            pool is that of the averages.
        class_names: One name a class.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> prediction = gb.evaluation.VideoPrediction(
        ...     path="a.mp4",
        ...     probabilities={"joint": np.array([0.2, 0.8])},
        ...     class_names=("sit", "walk"),
        ... )
        >>> prediction.top("joint", count=1)
        [('walk', 0.8)]
    """

    path: str
    probabilities: Mapping[str, npt.NDArray[np.float64]]
    class_names: tuple[str, ...]

    def top(self, head: str, count: int = 5) -> list[tuple[str, float]]:
        """Returns the likeliest classes of a head, with probabilities."""
        values = self.probabilities[head]
        best = np.argsort(-values, kind="stable")[:count]
        return [(self.class_names[each], float(values[each])) for each in best]


def predict_videos(
    run: FinishedRun,
    paths: Sequence[str | Path],
    *,
    num_clips: int = NUM_CLIPS,
    num_crops: int = 1,
) -> list[VideoPrediction]:
    """Predicts the classes of video files.

    Each file is cut into uniformly spaced clips, as in the evaluation; the
    probabilities of a head are averaged over them.

    Args:
        run: A run that was trained on clips.
        paths: The files.
        num_clips: Clips of each file.
        num_crops: 1 for the centre, or 3.

    Returns:
        One prediction a file, in order.

    Raises:
        ValueError: If the run was not trained on clips.
        MediaError: If a file cannot be read, or lacks a picture or sound.

    Example:
        >>> import gblend_keras as gb
        >>> run = gb.runs.load_run("video_run")  # trained on clips
        >>> found = gb.evaluation.predict_videos(
        ...     run, ["videos/v00.mp4"], num_clips=2
        ... )
        >>> found[0].path, found[0].probabilities["joint"].shape
        ('videos/v00.mp4', (2,))
    """
    if run.recipe.data.dataset not in ("records", "videos"):
        raise ValueError(
            "`run` was not trained on videos. Expected a recipe with dataset "
            "'records' or 'videos'. Received: dataset="
            f"{run.recipe.data.dataset!r}. Call model.predict with arrays."
        )
    modalities = tuple(run.model.network.input)
    examples = cut_videos(
        paths,
        modalities,
        run.recipe.data.clips,
        num_clips=num_clips,
        num_crops=num_crops,
    )
    predicted = run.model.predict(
        datasets.make_dataset(examples, batch_size=examples.num_views),
        verbose=0,
    )
    means = {
        head: values.reshape(len(paths), examples.num_views, -1).mean(axis=1)
        for head, values in predicted.items()
    }
    heads = pool.answering_heads(run.model, modalities)
    means[POOL] = pool.pooled_from(
        means,
        run.model.pool.exponents(heads),
        multi_label=run.model.multi_label,
    )
    return [
        VideoPrediction(
            path=str(path),
            probabilities={head: means[head][row] for head in means},
            class_names=run.class_names,
        )
        for row, path in enumerate(paths)
    ]


def cut_videos(
    paths: Sequence[str | Path],
    modalities: tuple[str, ...],
    settings: config.ClipConfig,
    *,
    num_clips: int,
    num_crops: int,
) -> clip_set.ClipExamples:
    """Returns the clips of video files, as examples without a known label.

    Args:
        paths: The files.
        modalities: Some of "rgb", "flow" and "audio".
        settings: How clips are cut.
        num_clips: Clips of each file, evenly spaced.
        num_crops: 1 for the centre, or 3.

    Raises:
        MediaError: If a file cannot be read, or lacks a picture or sound.
    """
    spans = [
        video_library.look_up(
            Path(path), None, None, sound=footage.AUDIO in modalities
        )
        for path in paths
    ]
    return clip_set.ClipExamples(
        library=video_library.VideoLibrary(
            spans, short_side=settings.short_side
        ),
        videos=np.arange(len(spans), dtype=np.int64),
        labels=np.zeros(len(spans), np.int64),  # not looked at
        modalities=modalities,
        settings=settings,
    ).with_views(num_clips, num_crops)


def describe(prediction: VideoPrediction, *, count: int = 5) -> str:
    """Returns a prediction as text, one line a head.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> prediction = gb.evaluation.VideoPrediction(
        ...     "a.mp4", {"joint": np.array([0.2, 0.8])}, ("sit", "walk")
        ... )
        >>> print(gb.evaluation.describe(prediction))
        a.mp4
          joint  walk 80.0 %, sit 20.0 %
    """
    width = max(len(head) for head in prediction.probabilities)
    lines = [prediction.path]
    for head in prediction.probabilities:
        best = ", ".join(
            f"{name} {100 * share:.1f} %"
            for name, share in prediction.top(head, count)
        )
        lines.append(f"  {head:<{width}}  {best}")
    return "\n".join(lines)
