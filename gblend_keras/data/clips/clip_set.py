"""Sets of clips: examples that are cut out of footage when they are read."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras import config
from gblend_keras.data import example_set
from gblend_keras.data import sources
from gblend_keras.data.clips import footage
from gblend_keras.data.clips import record_library

SAMPLE_SIZE = 64  # videos that statistics are computed from


@dataclasses.dataclass(frozen=True)
class ClipExamples:
    """Videos of which clips are examples; an `example_set.ExampleSet`.

    Read to train, a video gives `settings.clips_per_epoch` random clips an
    epoch. Read to measure, it gives `num_clips * num_crops` fixed views, one
    after another; each of them is an example then, with the video's label.

    Attributes:
        library: Where the footage is.
        videos: Rows of the library, ascending.
        labels: Labels of these videos: integers `(N,)`, or multi-hot
            `(N, classes)`.
        modalities: Some of "rgb", "flow" and "audio".
        settings: How clips are cut.
        groups: Whom each video comes from; or None.
        keys: A name for each video.
        num_clips: Evaluation: uniformly spaced clips of a video.
        num_crops: Evaluation: 1 for the centre, or 3.

    Raises:
        ValueError: If the videos are not in ascending order.

    Example:
        >>> import gblend_keras as gb
        >>> settings = gb.config.DataConfig(dataset="records", path="records")
        >>> train = gb.data.load(settings, data_dir=".").train
        >>> type(train).__name__, train.modalities
        ('ClipExamples', ('rgb', 'audio'))
        >>> len(train), len(train.with_views(num_clips=10, num_crops=3))
        (8, 240)
    """

    library: record_library.Library
    videos: sources.IntArray
    labels: example_set.Array
    modalities: tuple[str, ...]
    settings: config.ClipConfig
    groups: example_set.Array | None = None
    keys: example_set.Array | None = None
    num_clips: int = 1
    num_crops: int = 1

    def __post_init__(self) -> None:
        config.check_range("num_clips", self.num_clips, 1, 10**4)
        config.check_choice("num_crops", self.num_crops, (1, 3))
        if not (np.diff(self.videos) > 0).all():
            raise ValueError(
                "`videos` are not in ascending order. Expected rows as they "
                "are stored: shards are read from front to back. Received: "
                f"{self.videos[:5].tolist()}... Sort them."
            )

    def __len__(self) -> int:
        return len(self.videos) * self.num_views

    @property
    def num_views(self) -> int:
        """Examples of one video, when read to measure."""
        return self.num_clips * self.num_crops

    @property
    def y(self) -> example_set.Array:
        """The label of every example."""
        return np.repeat(self.labels, self.num_views, axis=0)

    @property
    def group(self) -> example_set.Array | None:
        """Whom every example comes from."""
        if self.groups is None:
            return None
        return np.repeat(self.groups, self.num_views)

    @property
    def video(self) -> sources.IntArray:
        """The video of every example, to average views by."""
        return np.repeat(np.arange(len(self.videos)), self.num_views)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one example, by modality."""
        return footage.shapes(self.modalities, self.settings)

    def take(self, indices: npt.ArrayLike) -> "ClipExamples":
        """Returns the videos at `indices`, which must be ascending.

        Raises:
            ValueError: If they are not, or there are several views a video.
        """
        if self.num_views > 1:
            raise ValueError(
                "Views cannot be taken apart. Expected one view a video. "
                f"Received: num_views={self.num_views}. "
                "Take first, then call `with_views`."
            )
        rows = np.asarray(indices)
        return dataclasses.replace(
            self,
            videos=self.videos[rows],
            labels=self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            keys=None if self.keys is None else self.keys[rows],
        )

    def select(self, modalities: tuple[str, ...]) -> "ClipExamples":
        """Returns the same examples with only these modalities, in order."""
        return dataclasses.replace(self, modalities=modalities)

    def with_views(self, num_clips: int, num_crops: int = 1) -> "ClipExamples":
        """Returns the same videos, to be measured in so many views."""
        return dataclasses.replace(
            self, num_clips=num_clips, num_crops=num_crops
        )

    def sample(self, modality: str) -> example_set.Array:
        """Reads a centre clip of some videos, evenly spread over the set."""
        size = min(SAMPLE_SIZE, len(self.videos))
        rows = np.linspace(0, len(self.videos) - 1, size).astype(np.int64)
        some = dataclasses.replace(
            self.take(rows) if self.num_views == 1 else self,
            modalities=(modality,),
        )
        dataset = some.source().read(tf.range(len(some), dtype=tf.int64), 8)
        return np.concatenate([x[modality] for x, _ in dataset])

    def source(self) -> "ClipSource":
        """Returns what reads these examples by row number."""
        return ClipSource(self)


def by_video(examples: example_set.ExampleSet) -> example_set.ExampleSet:
    """Returns a set with one example a video, whatever its views.

    Example:
        >>> import gblend_keras as gb
        >>> from gblend_keras.data import clips
        >>> settings = gb.config.DataConfig(dataset="records", path="records")
        >>> views = gb.data.load(settings, data_dir=".").test.with_views(10)
        >>> len(views), len(clips.by_video(views))
        (40, 4)
    """
    if isinstance(examples, ClipExamples):
        return examples.with_views(1)
    return examples


class ClipSource:
    """Reads clips: random ones to train on, fixed ones to measure."""

    cheap = False

    def __init__(self, examples: ClipExamples) -> None:
        self.labels = examples.y
        self._examples = examples
        with tf.device("CPU:0"):
            self._videos = tf.constant(examples.videos, tf.int64)
            self._labels = tf.constant(sources.single(examples.labels))

    @property
    def clips_per_epoch(self) -> int:
        """Examples that one row gives when it is read to train."""
        return self._examples.settings.clips_per_epoch

    def read(
        self,
        rows: tf.Tensor,
        batch_size: int,
        seed: tf.Tensor | None = None,
    ) -> tf.data.Dataset:
        """Returns batches of these rows.

        Args:
            rows: Rows of the examples, ascending. Without a seed and with
                several views a video: all views of a video, or none.
            batch_size: Examples a batch.
            seed: Shape `(2,)`: order, clips and crops are a function of it.
                None: the fixed views, in the order of the rows.
        """
        named = self._named(rows, seed)
        examples = named.map(self._example, num_parallel_calls=tf.data.AUTOTUNE)
        return examples.batch(batch_size)

    def plan(
        self, rows: tf.Tensor, batch_size: int, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Returns batches of what names a clip; nothing is decoded yet."""
        return self._named(rows, seed).batch(batch_size)

    def load(self, *names: Any) -> Any:
        """Cuts the clips of a batch of names, or of a slice of one."""
        examples = self._examples
        x = {
            modality: tf.TensorSpec(shape, tf.float32)
            for modality, shape in examples.shapes.items()
        }
        y = tf.TensorSpec(self._labels.shape[1:], self._labels.dtype)
        return tf.map_fn(
            lambda name: self._example(*name),
            names,
            fn_output_signature=(x, y),
        )

    def _named(
        self, rows: tf.Tensor, seed: tf.Tensor | None
    ) -> tf.data.Dataset:
        """Gives (view or seed, video, item of the library) of each clip."""
        library = self._examples.library
        if seed is None:
            views = self._examples.num_views
            videos = tf.gather(self._videos, tf.unique(rows // views)[0])

            def with_view(video: tf.Tensor, item: Any) -> tf.data.Dataset:
                numbers = tf.data.Dataset.range(views)
                return numbers.map(lambda view: (view, video, item))

            return library.read(videos, None).flat_map(with_view)

        def one_pass(number: tf.Tensor) -> tf.data.Dataset:
            seed_of_pass = fold(seed, number)
            videos = tf.gather(self._videos, rows)
            found = library.read(videos, seed_of_pass)
            return found.map(lambda video, item: (seed_of_pass, video, item))

        return tf.data.Dataset.range(self.clips_per_epoch).flat_map(one_pass)

    def _example(
        self, view_or_seed: tf.Tensor, video: tf.Tensor, item: Any
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Cuts the clip with this name."""
        examples = self._examples
        if view_or_seed.shape.rank == 0:
            view = footage.View(
                clip=view_or_seed // examples.num_crops,
                num_clips=examples.num_clips,
                crop=view_or_seed % examples.num_crops,
                num_crops=examples.num_crops,
            )
            x = footage.evaluation_clip(
                examples.library.footage(item),
                examples.modalities,
                examples.settings,
                view,
            )
        else:
            x = footage.training_clip(
                examples.library.footage(item),
                examples.modalities,
                examples.settings,
                fold(view_or_seed, video),
            )
        place = tf.searchsorted(self._videos, video[None])[0]
        return x, tf.gather(self._labels, place)


def fold(seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Returns a seed `(2,)` of its own for a number."""
    return tf.random.experimental.stateless_fold_in(seed, number)
