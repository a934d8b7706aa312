"""Several views (clips, crops) of one video -> one answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.evaluation import metrics


class ViewAccuracy(NamedTuple):
    """Accuracies of single views and of whole videos, each in [0, 1]."""

    clip_top1: float
    clip_top5: float
    video_top1: float
    video_top5: float


class VideoMeans:
    """Running mean of the probabilities of each video's views.

    The views of a video may come in any order and in several batches, and
    videos may have different numbers of views. Sums are kept in float64.

    Source: Wang, Tran & Feiszli, CVPR 2020, sections 3.1 and 4: the
    predictions of 10 uniformly sampled clips are averaged; of 30 crops (10
    clips x 3 crops) for Table 6.

    Args:
        videos: The id of each view's video, shape `(views,)`.

    Attributes:
        ids: The ids, each once, in the order in which they first occur.
        counts: Views of each video.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> means = gb.evaluation.VideoMeans(["a", "a", "b"])
        >>> means.ids.tolist(), means.counts.tolist()
        (['a', 'b'], [2, 1])
    """

    def __init__(self, videos: npt.ArrayLike) -> None:
        found, first, place, counts = np.unique(
            np.asarray(videos),
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        order = np.argsort(first)
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        self.ids = found[order]
        self.counts = counts[order]
        self.first_rows = first[order]
        self.video_of_row = position[place]
        self._sums: metrics.FloatArray | None = None

    def add(self, start: int, probabilities: npt.ArrayLike) -> None:
        """Adds the views from row `start` on, shape `(rows, classes)`."""
        values = np.asarray(probabilities, np.float64)
        if self._sums is None:
            self._sums = np.zeros((len(self.ids), values.shape[1]))
        rows = self.video_of_row[start : start + len(values)]
        np.add.at(self._sums, rows, values)

    def means(self) -> metrics.FloatArray:
        """Returns the mean over views, shape `(videos, classes)`."""
        if self._sums is None:
            return np.zeros((len(self.ids), 0))
        return self._sums / self.counts[:, None]


def average(
    probabilities: npt.ArrayLike, videos: npt.ArrayLike
) -> tuple[metrics.FloatArray, example_set.Array]:
    """Averages the probabilities of the views of each video.

    Args:
        probabilities: Shape `(views, classes)`.
        videos: The id of each view's video, shape `(views,)`.

    Returns:
        Shape `(videos, classes)`, and the ids, in order of first occurrence.

    Raises:
        ValueError: If there is not one id a view.

    Example:
        >>> import gblend_keras as gb
        >>> views = [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]
        >>> means, ids = gb.evaluation.average(views, ["a", "a", "b"])
        >>> means.round(2).tolist(), ids.tolist()
        ([[0.7, 0.3], [0.2, 0.8]], ['a', 'b'])
    """
    check_videos(videos, len(np.asarray(probabilities)))
    running = VideoMeans(videos)
    running.add(0, probabilities)
    return running.means(), running.ids


def video_labels(videos: npt.ArrayLike, y: npt.ArrayLike) -> example_set.Array:
    """Returns one label a video, in order of first occurrence.

    Args:
        videos: The id of each view's video, shape `(views,)`.
        y: The label of each view, `(views,)` or `(views, classes)`.

    Raises:
        ValueError: If there is not one id a view, or views of one video have
            different labels.
    """
    labels = np.asarray(y)
    check_videos(videos, len(labels))
    running = VideoMeans(videos)
    of_video: example_set.Array = labels[running.first_rows]
    same = of_video[running.video_of_row] == labels
    if not same.all():
        wrong = np.argmin(same.reshape(len(labels), -1).all(axis=1))
        raise ValueError(
            "`videos` joins views with different labels. Expected one label a "
            f"video. Received: video {np.asarray(videos)[wrong]!s} with "
            f"another label at row {wrong}. Give such videos ids of their own."
        )
    return of_video


def check_videos(videos: npt.ArrayLike, num_views: int) -> None:
    """Raises unless there is one id a view."""
    shape = np.shape(videos)
    if shape != (num_views,):
        raise ValueError(
            "`videos` does not fit the examples. Expected one id a view, "
            f"({num_views},). Received: shape {shape}. "
            "Pass the video of every view, in the order of the data."
        )


def view_accuracy(
    probabilities: npt.ArrayLike, y: npt.ArrayLike, videos: npt.ArrayLike
) -> ViewAccuracy:
    """Computes clip and video accuracy of one head.

    Args:
        probabilities: Shape `(views, classes)`.
        y: Integer label of each view `(views,)`.
        videos: The id of each view's video, shape `(views,)`.

    Raises:
        ValueError: As `video_labels` does.
    """
    labels = video_labels(videos, y)
    means, _ = average(probabilities, videos)
    return ViewAccuracy(
        clip_top1=metrics.top_k_accuracy(probabilities, y, k=1),
        clip_top5=metrics.top_k_accuracy(probabilities, y, k=5),
        video_top1=metrics.top_k_accuracy(means, labels, k=1),
        video_top5=metrics.top_k_accuracy(means, labels, k=5),
    )
