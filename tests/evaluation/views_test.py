"""Views of one video, averaged by hand."""

import numpy as np
import pytest

from gblend_keras.evaluation import views

# Video b: rows 0 and 2; video a: rows 1, 3 and 4. In float64:
#   b: ((0.6 + 0.2) / 2, (0.4 + 0.8) / 2) = (0.4, 0.6)
#   a: ((0.9 + 0.3 + 0.6) / 3, (0.1 + 0.7 + 0.4) / 3) = (0.6, 0.4)
PROBABILITIES = np.array(
    [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]]
)
VIDEOS = ["b", "a", "b", "a", "a"]


def test_views_are_averaged_by_video():
    means, ids = views.average(PROBABILITIES, VIDEOS)
    assert ids.tolist() == ["b", "a"]
    np.testing.assert_allclose(means, [[0.4, 0.6], [0.6, 0.4]], rtol=1e-12)


def test_views_may_come_in_several_batches():
    running = views.VideoMeans(VIDEOS)
    running.add(0, PROBABILITIES[:1])
    running.add(1, PROBABILITIES[1:4])
    running.add(4, PROBABILITIES[4:])
    np.testing.assert_allclose(
        running.means(), [[0.4, 0.6], [0.6, 0.4]], rtol=1e-12
    )
    assert running.counts.tolist() == [2, 3]


def test_multi_hot_labels_of_a_video_are_taken_once():
    y = np.array([[0, 1], [1, 1], [0, 1], [1, 1], [1, 1]])
    labels = views.video_labels(VIDEOS, y)
    assert labels.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    "y", [[1, 0, 0, 0, 0], np.eye(2, dtype=int)[[1, 0, 0, 0, 0]]]
)
def test_views_of_one_video_with_two_labels_are_refused(y):
    with pytest.raises(ValueError, match="ids of their own.") as caught:
        views.video_labels(VIDEOS, y)
    assert "video b with another label at row 2" in str(caught.value)


def test_one_id_a_view_is_asked_for():
    with pytest.raises(ValueError, match="in the order of the data."):
        views.average(PROBABILITIES, ["a", "b"])
