"""Fallbacks where a modality is absent: what else could answer, compared."""

import functools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gblend_keras.answers import pool
from gblend_keras.blending import missing_modalities
from gblend_keras.blending.model import BlendedModel
from gblend_keras.data import example_set
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import subsets
from gblend_keras.heads import JOINT

Fallback = Callable[[subsets.Subset], example_set.Array]
Part = Callable[[dict[str, Any]], dict[str, Any]]  # of a network


class Candidates:
    """Answers of one model from a part of its modalities, by several fallbacks.

    - `pool`: the pool of the present modalities' heads, as calibrated; what
      `predict_available` does.
    - `logits`: mean of the logits of these heads.
    - `probabilities`: mean of their probabilities.
    - `weighted`: the same, weighted by the blend weights.
    - `joint_mean_input`: the joint head, each absent input replaced by its
      training mean.
    - `joint_zero_features`, `joint_mean_features`: the joint head, the
      features of each absent tower replaced by zeros, or by their mean over
      the training set. Only where the joint head reads features alone.
    - `all_mean_input`, `all_zero_features`, `all_mean_features`: mean of the
      probabilities of the present modalities' heads and of that joint head.

    Args:
        model: A trained model.
        examples: What is answered.
        train: Where the means come from.
        batch_size: Examples computed at a time.
    """

    def __init__(
        self,
        model: BlendedModel,
        examples: example_set.Examples,
        train: example_set.Examples,
        batch_size: int = 128,
    ) -> None:
        self._model = model
        self._examples = examples
        self._batch_size = batch_size
        self._modalities = list(model.network.input)
        self._logits = self._run(model.network, examples.x)
        self._joint: Part | None = None
        self._find_joint(train)

    def fallbacks(self) -> dict[str, Fallback]:
        """Returns `{name: fallback}`; each takes the present modalities."""
        stand_ins: dict[str, Fallback] = {"mean_input": self._mean_input}
        if self._joint is not None:
            stand_ins["zero_features"] = functools.partial(
                self._of_features, self._joint, self._zeros
            )
            stand_ins["mean_features"] = functools.partial(
                self._of_features, self._joint, self._means
            )
        found: dict[str, Fallback] = {
            "pool": self._pooled,
            "logits": self._of_logits,
            "probabilities": self._of_probabilities,
            "weighted": self._weighted,
        }
        for name, fallback in stand_ins.items():
            found[f"joint_{name}"] = fallback
            found[f"all_{name}"] = self._with_heads(fallback)
        return found

    def _find_joint(self, train: example_set.Examples) -> None:
        """Cuts the network where the modality heads read their features."""
        network = self._model.network
        layers = {layer.name: layer for layer in network.layers}
        if any(f"{name}_head" not in layers for name in self._modalities):
            return
        heads = {
            name: layers[f"{name}_head"].input for name in self._modalities
        }
        # As a list: the features have names of their own.
        part = missing_modalities.connected(
            list(heads.values()), {JOINT: network.output[JOINT]}
        )
        if part is None:
            return
        self._joint = lambda x: part([x[name] for name in self._modalities])
        towers = keras.Model(network.input, heads)
        self._features = self._run(towers, self._examples.x)
        self._means = {
            name: values.mean(axis=0)
            for name, values in self._run(towers, train.x).items()
        }
        self._zeros = {
            name: np.zeros_like(mean) for name, mean in self._means.items()
        }

    def _run(self, part: Part, x: Mapping[str, Any]) -> dict[str, Any]:
        """Applies a part of the network batch by batch."""
        size = self._batch_size
        total = len(next(iter(x.values())))
        batches = [
            part(
                {name: v[start : start + size] for name, v in x.items()},
            )
            for start in range(0, total, size)
        ]
        return {
            name: np.concatenate(
                [keras.ops.convert_to_numpy(batch[name]) for batch in batches]
            )
            for name in batches[0]
        }

    def _activate(self, logits: example_set.Array) -> example_set.Array:
        if self._model.multi_label:
            return np.asarray(keras.ops.sigmoid(logits))
        return np.asarray(keras.ops.softmax(logits))

    def _pooled(self, present: subsets.Subset) -> example_set.Array:
        heads = pool.answering_heads(self._model, present)
        found = pool.pooled(
            self._logits,
            self._model.pool.exponents(heads, present),
            multi_label=self._model.multi_label,
        )
        return np.asarray(found)

    def _of_logits(self, present: subsets.Subset) -> example_set.Array:
        values = [self._logits[name] for name in present]
        return self._activate(np.mean(values, axis=0))

    def _of_probabilities(
        self, present: subsets.Subset, weights: Sequence[float] | None = None
    ) -> example_set.Array:
        values = [self._activate(self._logits[name]) for name in present]
        return np.asarray(np.average(values, axis=0, weights=weights))

    def _weighted(self, present: subsets.Subset) -> example_set.Array:
        weights = [self._model.blend_weights[name] for name in present]
        return self._of_probabilities(
            present, weights if any(weights) else None
        )

    def _mean_input(self, present: subsets.Subset) -> example_set.Array:
        network, x = self._model.network, dict(self._examples.x)
        for name in self._modalities:
            if name not in present:
                value = missing_modalities.stand_in(network, name).numpy()
                x[name] = np.broadcast_to(value, x[name].shape)
        return self._activate(self._run(network, x)[JOINT])

    def _of_features(
        self, joint: Part, stand_ins: Mapping[str, Any], present: subsets.Subset
    ) -> example_set.Array:
        features = {
            name: values
            if name in present
            else np.broadcast_to(stand_ins[name], values.shape)
            for name, values in self._features.items()
        }
        return self._activate(self._run(joint, features)[JOINT])

    def _with_heads(self, fallback: Fallback) -> Fallback:
        def answer(present: subsets.Subset) -> example_set.Array:
            own = self._of_probabilities(present) * len(present)
            return np.asarray((own + fallback(present)) / (len(present) + 1))

        return answer


def compare_fallbacks(
    model: BlendedModel,
    examples: example_set.Examples,
    *,
    train: example_set.Examples,
) -> dict[str, dict[str, float]]:
    """Scores every fallback on every subset that lacks a modality.

    Choose on validation data: this is what `predict_available` was chosen
    with.

    Args:
        model: A trained model with two modalities or more.
        examples: What is answered.
        train: Where means come from.

    Returns:
        `{fallback: {"score": mean top-1 accuracy (mAP for multi-hot labels)
        over the subsets, "SUBSET": its score}}`.

    Raises:
        ValueError: If the model has one modality only, or its modality heads
            read other modalities, too.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> splits = gb.data.load(gb.recipes.get("digits").data, data_dir=None)
        >>> some = splits.test.take(range(100))
        >>> found = gb.evaluation.compare_fallbacks(
        ...     model, some, train=splits.train.take(range(200))
        ... )
        >>> list(found["probabilities"])
        ['score', 'image', 'sound']
    """
    check_heads(model)
    partial = subsets.all_subsets(list(model.network.input))[:-1]
    candidates = Candidates(model, examples, train)
    found = {}
    for name, fallback in candidates.fallbacks().items():
        scores = {
            "+".join(present): _score(fallback(present), examples.y)
            for present in partial
        }
        found[name] = {"score": float(np.mean(list(scores.values()))), **scores}
    return found


def check_heads(model: BlendedModel) -> None:
    """Raises unless there are modalities with heads of their own."""
    network = model.network
    modalities = list(network.input)
    if len(modalities) < 2:
        raise ValueError(
            "`model` has one modality. Expected two or more, so that one can "
            f"be absent. Received: {modalities}. Leave out --compare_absent."
        )
    mixed = [
        name
        for name in modalities
        if name not in model.modality_heads
        or missing_modalities.connected(
            {name: network.input[name]}, {name: network.output[name]}
        )
        is None
    ]
    if mixed:
        raise ValueError(
            "`model` has heads that read several modalities. Expected one "
            f"head a modality that reads it alone. Received: {mixed}. "
            "Compare fallbacks on a late fusion."
        )


def _score(probabilities: example_set.Array, y: example_set.Array) -> float:
    if y.ndim == 2:
        return metrics.average_precision(probabilities, y).mean
    return metrics.top_k_accuracy(probabilities, y)
