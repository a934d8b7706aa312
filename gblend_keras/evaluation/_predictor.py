"""A model and a stream of batches -> labels and probabilities."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.answers import pool
from gblend_keras.blending import input_checks
from gblend_keras.blending import missing_modalities
from gblend_keras.blending.model import BlendedModel
from gblend_keras.callbacks import training_progress
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.data import sources
from gblend_keras.data.clips import clip_set
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import views
from gblend_keras.heads import ENSEMBLE
from gblend_keras.heads import JOINT
from gblend_keras.heads import POOL
from gblend_keras.heads import computed_answers

Name = str | tuple[str, ...]  # an answer, or the subset that it is from


class Predictions(NamedTuple):
    """What a model said about a set.

    Attributes:
        y: Labels, `(N,)` integers or `(N, classes)` multi-hot; of videos
            where views were averaged.
        probabilities: `{answer or subset: (N, classes)}`.
        clip_ranks: `{answer: (views,)}`, see `metrics.true_class_rank`; empty
            without views, and for multi-hot labels.
        videos: The id of each of the N videos, and how many views it had; or
            None without views.
    """

    y: example_set.Array
    probabilities: dict[Name, example_set.Array]
    clip_ranks: dict[Name, metrics.IntArray]
    videos: tuple[example_set.Array, metrics.IntArray] | None


class Predictor:
    """Computes, in one pass, every answer of a model to a batch.

    Args:
        model: The model.
        subsets: Subsets of modalities that `predict_available` answers from.
    """

    def __init__(
        self, model: BlendedModel, subsets: Sequence[tuple[str, ...]] = ()
    ) -> None:
        self._model = model
        self._answers: dict[Name, missing_modalities.Answer] = {
            subset: missing_modalities.Answer(model, subset)
            for subset in subsets
        }
        self._function = tf.function(self._predict, reduce_retracing=True)

    @property
    def pools(self) -> dict[Name, dict[str, float]]:
        """The answers that are pools of heads: `{answer: {head: exponent}}`."""
        heads = pool.answering_heads(
            self._model, list(self._model.network.input)
        )
        found: dict[Name, dict[str, float]] = {
            POOL: self._model.pool.exponents(heads)
        }
        return found | {
            name: answer.exponents
            for name, answer in self._answers.items()
            if not answer.filled
        }

    def __call__(self, x: Mapping[str, Any]) -> dict[Name, Any]:
        """Returns `{answer or subset: (batch, classes)}`.

        Raises:
            FloatingPointError: If a probability is not a number.
        """
        found = dict(zip(self._names(), self._function(dict(x)), strict=True))
        result = {name: value.numpy() for name, value in found.items()}
        for name, value in result.items():
            if not np.isfinite(value).all():
                raise FloatingPointError(
                    f"The answer '{name}' has values that are not finite. "
                    "Expected probabilities. Received: NaN. "
                    "Check the model's weights and the inputs."
                )
        return result

    def _names(self) -> list[Name]:
        computed = computed_answers(self._model.modality_heads)
        return [*computed, *self._answers]

    def _predict(self, x: dict[str, Any]) -> list[Any]:
        logits = self._model.network(x, training=False)
        found: dict[Name, Any] = dict(self._model.answers(logits).items())
        own = [found[head] for head in self._model.modality_heads]
        found[ENSEMBLE] = tf.add_n(own) / len(own) if own else found[JOINT]
        for name, answer in self._answers.items():
            # Heads that read nothing absent have answered already.
            found[name] = answer(x) if answer.filled else answer.combine(logits)
        return [found[name] for name in self._names()]


class _Gathered:
    """Keeps what the batches give: all of it, or the means of videos."""

    def __init__(self, videos: npt.ArrayLike | None) -> None:
        self._videos = None if videos is None else np.asarray(videos)
        self._labels: list[example_set.Array] = []
        self._rows: dict[Name, list[example_set.Array]] = {}
        self._means: dict[Name, views.VideoMeans] = {}
        self._ranks: dict[Name, list[metrics.IntArray]] = {}
        self._count = 0

    def add(
        self, found: Mapping[Name, example_set.Array], y: example_set.Array
    ) -> None:
        start, self._count = self._count, self._count + len(y)
        self._labels.append(y)
        if self._videos is None:
            for name, values in found.items():
                self._rows.setdefault(name, []).append(values)
            return
        if self._count > len(self._videos):
            views.check_videos(self._videos, self._count)
        for name, values in found.items():
            if name not in self._means:
                self._means[name] = views.VideoMeans(self._videos)
            self._means[name].add(start, values)
            if y.ndim == 1 and isinstance(name, str):
                ranks = metrics.true_class_rank(values, y)
                self._ranks.setdefault(name, []).append(ranks)

    def result(self) -> Predictions:
        if not self._labels:
            raise ValueError(sources.EMPTY)
        y = np.concatenate(self._labels)
        if self._videos is None:
            joined = {n: np.concatenate(v) for n, v in self._rows.items()}
            return Predictions(y, joined, {}, None)
        labels = views.video_labels(self._videos, y)
        counts = views.VideoMeans(self._videos)
        return Predictions(
            labels,
            {name: mean.means() for name, mean in self._means.items()},
            {n: np.concatenate(ranks) for n, ranks in self._ranks.items()},
            (counts.ids, counts.counts),
        )


def predict(
    predictor: Predictor,
    model: BlendedModel,
    data: Any,
    *,
    videos: npt.ArrayLike | None = None,
    batch_size: int = 32,
    verbose: bool = False,
) -> Predictions:
    """Predicts every example once, batch by batch.

    Args:
        predictor: Of this model.
        model: The model.
        data: A set of examples, or batches of `({modality: tensor}, label)`
            in a fixed order. Sample weights are not used.
        videos: The video of each view, to average views; or None.
        batch_size: Of `Examples`; another dataset has its own.
        verbose: Whether progress is shown.

    Returns:
        Labels and probabilities, in the order of the data.

    Raises:
        ValueError: If the data does not fit the model, is empty, or endless.
        FloatingPointError: If a probability is not a number.
    """
    batches = _batches(model, data, batch_size)
    gathered = _Gathered(videos)
    size = int(batches.cardinality())  # below 0: not known
    bar = training_progress.make_bar(
        size if size >= 0 else None, "evaluating", show=verbose
    )
    with bar:
        for x, y, *_ in sources.batches(batches):
            labels = plain_labels(np.asarray(y), model)
            gathered.add(predictor(x), labels)
            bar.update()
    result = gathered.result()
    if videos is not None:  # of the means of heads, not the mean of pools
        for name, pooled in predictor.pools.items():
            result.probabilities[name] = pool.pooled_from(
                {head: result.probabilities[head] for head in pooled},
                pooled,
                multi_label=model.multi_label,
            )
    return result


def plain_labels(
    y: example_set.Array, model: BlendedModel
) -> example_set.Array:
    """Returns multi-hot rows as they are, and other labels as integers."""
    if model.multi_label:
        return y
    if y.ndim == 2 and y.shape[1] > 1:  # one-hot
        y = y.argmax(axis=1)
    return y.reshape(-1).astype(np.int64)


def _batches(model: BlendedModel, data: Any, batch_size: int) -> Any:
    kind = (model.num_classes, model.multi_label)
    if isinstance(data, (example_set.Examples, clip_set.ClipExamples)):
        if batch_size < 1:
            raise ValueError(
                "`batch_size` is out of range. Expected >= 1. "
                f"Received: batch_size={batch_size}. Use 32, say."
            )
        dataset = datasets.make_dataset(data, batch_size=batch_size)
        checked: Any = dataset
        if isinstance(data, example_set.Examples):
            checked = (data.x, data.y)
        input_checks.check_data(model.network, checked, kind)
        return dataset
    if not isinstance(data, tf.data.Dataset):
        raise TypeError(
            "`data` cannot be evaluated. Expected `Examples`, or a batched "
            "tf.data.Dataset of ({modality: tensor}, label). "
            f"Received: {type(data).__name__}. Turn it into one of these."
        )
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`data` has no end. Expected a dataset that gives each example "
            "once. Received: an infinite dataset. Leave out `.repeat()`."
        )
    input_checks.check_data(model.network, data, kind)
    return data
