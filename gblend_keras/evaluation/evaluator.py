"""A model and a set of examples -> an `Evaluation`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras.answers import exponents
from gblend_keras.answers import pool
from gblend_keras.blending.model import BlendedModel
from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.clips import clip_set
from gblend_keras.evaluation import _predictor
from gblend_keras.evaluation import _scores
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import subsets as all_of
from gblend_keras.heads import FUSED
from gblend_keras.runs.provenance import provenance
from gblend_keras.utils import files

EVALUATION_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Options:
    """How a model is evaluated. None of these changes a reported answer.

    Attributes:
        batch_size: Of `Examples`; another dataset has its own.
        subsets: Whether every subset of modalities is scored, too.
        calibration_bins: Of the expected calibration error.
        verbose: Whether progress is shown.

    Example:
        >>> import gblend_keras as gb
        >>> options = gb.evaluation.Options(batch_size=128, subsets=False)
        >>> options.calibration_bins
        15
    """

    batch_size: int = 32
    subsets: bool = True
    calibration_bins: int = 15  # Guo et al., ICML 2017
    verbose: bool = False


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate_model` found.

    Attributes:
        report: Everything that `evaluation.json` holds, as plain values.
        y: Labels of the N examples (of videos, where views were averaged).
        probabilities: `{answer: (N, classes)}` for each head, "ensemble",
            "joint", "blend" and "pool".
        keys: The key of each example, strings `(N,)`.
        extra: More arrays for `predictions.npz`, such as training labels.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> splits = gb.data.load(gb.recipes.get("digits").data, data_dir=None)
        >>> found = gb.evaluate_model(model, splits.test)
        >>> found.probabilities["joint"].shape
        (1000, 10)
        >>> found.save(tempfile.mkdtemp())
    """

    report: dict[str, Any]
    y: example_set.Array
    probabilities: dict[str, example_set.Array]
    keys: example_set.Array
    extra: dict[str, example_set.Array] = dataclasses.field(
        default_factory=dict
    )

    @property
    def heads(self) -> dict[str, dict[str, Any]]:
        """The metrics of every answer."""
        heads: dict[str, dict[str, Any]] = self.report["heads"]
        return heads

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes `predictions.npz`, then `evaluation.json`, each whole."""
        path = Path(folder)
        named = {
            f"probabilities_{name}": values
            for name, values in self.probabilities.items()
        }
        npz.write_npz(
            path / "predictions.npz",
            {"y": self.y, "key": self.keys, **named, **self.extra},
        )
        files.write_json(path / "evaluation.json", self.report)


def evaluate_model(
    model: BlendedModel,
    data: Any,
    *,
    class_names: Sequence[str] | None = None,
    keys: Sequence[str] | example_set.Array | None = None,
    videos: npt.ArrayLike | None = None,
    options: Options = Options(),
) -> Evaluation:
    """Evaluates every answer of a model: metrics, gains, subsets.

    Every example counts once, in the order of the data, whatever the batch
    size. docs/evaluation.md defines each number.

    Args:
        model: A trained model.
        data: A set of examples, or a `tf.data.Dataset` of batches of
            `({modality: tensor}, label)` in a fixed order. Sample weights are
            not used. A set of clips knows its keys and videos.
        class_names: One name a class; None for their numbers.
        keys: One name an example, for `predictions.npz`; None for row
            numbers, or for the ids of videos.
        videos: The video of each view (clip, crop) in `data`: probabilities
            are averaged over views first, and single views are scored beside.
        options: Batch size and so on.

    Returns:
        The evaluation.

    Raises:
        ValueError: If the data does not fit the model or the other arguments.
        TypeError: If `data` is neither of these.
        FloatingPointError: If a probability is not a number.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> splits = gb.data.load(gb.recipes.get("digits").data, data_dir=None)
        >>> found = gb.evaluate_model(model, splits.test)
        >>> list(found.heads)
        ['image', 'sound', 'ensemble', 'joint', 'blend', 'pool']
        >>> found.heads["joint"]["top1"] > 0.9
        True
    """
    check_model(model)
    if class_names is None:
        class_names = [str(number) for number in range(model.num_classes)]
    if len(class_names) != model.num_classes:
        raise ValueError(
            "`class_names` does not fit the model. Expected "
            f"{model.num_classes} names. Received: {len(class_names)}. "
            "Pass one name a class, in the order of the labels."
        )
    names = [str(name) for name in class_names]
    if isinstance(data, clip_set.ClipExamples):
        keys = data.keys if keys is None else keys
        videos = data.video if data.num_views > 1 else None
    modalities = list(model.network.input)
    wanted = all_of.all_subsets(modalities) if options.subsets else []
    found = _predictor.predict(
        _predictor.Predictor(model, wanted),
        model,
        data,
        videos=videos,
        batch_size=options.batch_size,
        verbose=options.verbose,
    )
    checked_keys = _keys(keys, found)
    report = {
        "format": EVALUATION_FORMAT,
        **provenance(),
        "multi_label": model.multi_label,
        "class_names": names,
        "blend_weights": model.blend_weights,
        **_report(model, found, names, options),
    }
    if options.subsets:
        report["modalities"] = _scores.subset_scores(
            found.probabilities, found.y, modalities
        )
    answers = _answers(found)
    return Evaluation(report, found.y, answers, checked_keys)


def _report(
    model: BlendedModel,
    found: _predictor.Predictions,
    names: list[str],
    options: Options,
) -> dict[str, Any]:
    heads = {
        name: _scores.head_scores(
            values, found.y, num_bins=options.calibration_bins
        )
        for name, values in _answers(found).items()
    }
    for name, ranks in found.clip_ranks.items():
        heads[str(name)] |= {
            f"clip_top{k}": float(np.mean(ranks < k)) for k in (1, 5)
        }
    counts: dict[str, int | None] = {"examples": len(found.y)}
    if found.videos is not None:
        views = found.videos[1]
        counts |= {
            "views": int(views.sum()),
            "fewest_views": int(views.min()),
            "most_views": int(views.max()),
        }
    counts |= _scores.class_counts(found.y, len(names))
    confusion = None
    if found.y.ndim == 1:
        confusion = {
            name: metrics.confusion_matrix(
                found.probabilities[name], found.y, len(names)
            ).tolist()
            for name in FUSED
        }
    metric = _scores.main_metric(found.y)
    answering = pool.answering_heads(model, list(model.network.input))
    gains = _scores.class_gains(heads, model.modality_heads, names, metric)
    return {
        "metric": metric,
        "counts": counts,
        "heads": heads,
        "confusion": confusion,
        "gains": gains,
        "pool": {
            "exponents": model.pool.exponents(answering),
            "equal": _scores.trust_scores(
                _equally_pooled(model, found, answering),
                found.y,
                num_bins=options.calibration_bins,
            ),
        },
    }


def _equally_pooled(
    model: BlendedModel, found: _predictor.Predictions, heads: Sequence[str]
) -> example_set.Array:
    """Returns what the pool would say with equal exponents."""
    powers = exponents.equal(len(heads)).tolist()
    return pool.pooled_from(
        {head: found.probabilities[head] for head in heads},
        dict(zip(heads, powers, strict=True)),
        multi_label=model.multi_label,
    )


def _answers(found: _predictor.Predictions) -> dict[str, example_set.Array]:
    return {
        name: values
        for name, values in found.probabilities.items()
        if isinstance(name, str)
    }


def _keys(
    keys: Sequence[str] | example_set.Array | None,
    found: _predictor.Predictions,
) -> example_set.Array:
    total = len(found.y)
    if keys is None:
        ids = np.arange(total) if found.videos is None else found.videos[0]
        return ids.astype(str)
    if len(keys) != total:
        raise ValueError(
            f"`keys` does not fit the data. Expected {total}. "
            f"Received: {len(keys)}. "
            "Pass one key an example, or leave them out with `videos`."
        )
    return np.array([str(key) for key in keys])


def check_model(model: object) -> None:
    """Raises unless `model` is a `BlendedModel`."""
    if not isinstance(model, BlendedModel):
        raise TypeError(
            "`model` cannot be evaluated. Expected a BlendedModel. "
            f"Received: {type(model).__name__}. "
            "Wrap a network with named heads in BlendedModel."
        )
