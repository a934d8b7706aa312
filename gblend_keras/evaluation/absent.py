"""Rules for absent modalities, compared: why `predict_available` does so."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gblend_keras.blending import available
from gblend_keras.blending.model import BlendedModel
from gblend_keras.data import arrays
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import subsets
from gblend_keras.network import JOINT

Rule = Callable[[subsets.Subset], arrays.Array]


class Candidates:
    """Answers of one model, by several rules, from a part of its modalities.

    - `logits`: mean of the logits of the present modalities' heads; what
      `predict_available` does.
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
        examples: arrays.Examples,
        train: arrays.Examples,
        batch_size: int = 128,
    ) -> None:
        self._model = model
        self._examples = examples
        self._batch_size = batch_size
        self._modalities = list(model.network.input)
        self._logits = self._run(model.network, examples.x)
        self._joint: keras.Model | None = None
        if set(model.modality_heads) == set(self._modalities):
            self._find_joint(train)

    def rules(self) -> dict[str, Rule]:
        """Returns `{name: rule}`; a rule takes the present modalities."""
        joint: dict[str, Rule] = {"mean_input": self._mean_input}
        if self._joint is not None:
            joint["zero_features"] = lambda present: self._of_features(
                present, self._zeros
            )
            joint["mean_features"] = lambda present: self._of_features(
                present, self._means
            )
        found: dict[str, Rule] = {
            "logits": self._of_logits,
            "probabilities": lambda present: self._mean(present, None),
            "weighted": self._weighted,
        }
        found |= {f"joint_{name}": rule for name, rule in joint.items()}
        found |= {
            f"all_{name}": self._with_heads(rule)
            for name, rule in joint.items()
        }
        return found

    def _find_joint(self, train: arrays.Examples) -> None:
        """Cuts the network where the modality heads read their features."""
        network = self._model.network
        layers = {layer.name: layer for layer in network.layers}
        if any(f"{name}_head" not in layers for name in self._modalities):
            return
        heads = {
            name: layers[f"{name}_head"].input for name in self._modalities
        }
        self._joint = available.connected(heads, {JOINT: network.output[JOINT]})
        if self._joint is None:
            return
        towers = keras.Model(network.input, heads)
        self._features = self._run(towers, self._examples.x)
        self._means = {
            name: values.mean(axis=0)
            for name, values in self._run(towers, train.x).items()
        }
        self._zeros = {
            name: np.zeros_like(mean) for name, mean in self._means.items()
        }

    def _run(self, part: keras.Model, x: Mapping[str, Any]) -> dict[str, Any]:
        outputs: dict[str, Any] = part.predict(
            dict(x), batch_size=self._batch_size, verbose=0
        )
        return outputs

    def _activate(self, logits: arrays.Array) -> arrays.Array:
        if self._model.multi_label:
            return np.asarray(keras.ops.sigmoid(logits))
        return np.asarray(keras.ops.softmax(logits))

    def _of_logits(self, present: subsets.Subset) -> arrays.Array:
        values = [self._logits[name] for name in present]
        return self._activate(np.mean(values, axis=0))

    def _mean(
        self, present: subsets.Subset, weights: Sequence[float] | None
    ) -> arrays.Array:
        values = [self._activate(self._logits[name]) for name in present]
        return np.asarray(np.average(values, axis=0, weights=weights))

    def _weighted(self, present: subsets.Subset) -> arrays.Array:
        weights = [self._model.blend_weights[name] for name in present]
        return self._mean(present, weights if sum(weights) else None)

    def _mean_input(self, present: subsets.Subset) -> arrays.Array:
        network, x = self._model.network, dict(self._examples.x)
        for name in self._modalities:
            if name not in present:
                value = available.stand_in(network, name).numpy()
                x[name] = np.broadcast_to(value, x[name].shape)
        return self._activate(self._run(network, x)[JOINT])

    def _of_features(
        self, present: subsets.Subset, stand_ins: Mapping[str, Any]
    ) -> arrays.Array:
        features = {
            name: values
            if name in present
            else np.broadcast_to(stand_ins[name], values.shape)
            for name, values in self._features.items()
        }
        return self._activate(self._run(self._joint, features)[JOINT])

    def _with_heads(self, rule: Rule) -> Rule:
        def answer(present: subsets.Subset) -> arrays.Array:
            own = self._mean(present, None) * len(present)
            return np.asarray((own + rule(present)) / (len(present) + 1))

        return answer


def compare_rules(
    model: BlendedModel, examples: arrays.Examples, *, train: arrays.Examples
) -> dict[str, dict[str, float]]:
    """Scores every rule on every subset that lacks a modality.

    Choose on validation data: this is what `predict_available` was chosen
    with.

    Args:
        model: A trained model with two modalities or more.
        examples: What is answered.
        train: Where means come from.

    Returns:
        `{rule: {"score": mean top-1 accuracy (mAP for multi-hot labels) over
        the subsets, "SUBSET": its score}}`.

    Raises:
        ValueError: If the model has one modality only.
    """
    modalities = list(model.network.input)
    partial = subsets.all_subsets(modalities)[:-1]
    if not partial:
        raise ValueError(
            "`model` has one modality. Expected two or more, so that one can "
            f"be absent. Received: {modalities}. Leave out --compare_absent."
        )
    candidates = Candidates(model, examples, train)
    found = {}
    for name, rule in candidates.rules().items():
        scores = {
            "+".join(present): _score(rule(present), examples.y)
            for present in partial
        }
        found[name] = {"score": float(np.mean(list(scores.values()))), **scores}
    return found


def _score(probabilities: arrays.Array, y: arrays.Array) -> float:
    if y.ndim == 2:
        return metrics.average_precision(probabilities, y).mean
    return metrics.top_k_accuracy(probabilities, y)
