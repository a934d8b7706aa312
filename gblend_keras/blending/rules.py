"""Rules: what a method of training changes inside a training step."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gblend_keras.distribution import replica_step

Gradients = list[tf.Tensor | None]  # one a variable; None: does not depend


@dataclasses.dataclass(frozen=True)
class Step:
    """One batch that is being trained on, as a rule sees it.

    Gradients are those of the weighted losses `loss_scale * w_h * L_h`, times
    the optimizer's own loss scale (float16), so a rule must not depend on a
    factor that they have in common.

    Attributes:
        tape: Recorded everything below.
        heads: Names of the heads.
        variables: What the optimizer updates.
        targets: `{head: weighted loss}`, this replica's share, scaled.
        penalty: What layers add to the loss, this replica's share, scaled;
            its gradients are added to what a rule returns.
        loss: Weighted losses and penalty, this replica's share.
        losses: Plain loss of every head, `(H,)`, this replica's share by its
            examples.
        size: Examples on this replica.
        y: Labels.
        logits: `{head: (batch, num_classes)}`.
        seeds: Random numbers that are a function of seed, epoch and step.
        learning_rate: The optimizer's, scalar.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> from gblend_keras.blending import rules
        >>> class HeadByHead(gb.Rule):
        ...     def gradients(self, model, step):
        ...         return rules.summed(step.head_gradients())
        >>> x = {"pose": np.ones((40, 6)), "sound": np.ones((40, 6))}
        >>> towers = {m: gb.build_mlp((6,), name=f"{m}_tower") for m in x}
        >>> network = gb.late_fusion(towers, num_classes=2)
        >>> model = gb.BlendedModel(network, rule=HeadByHead())
        >>> model.compile("sgd")
        >>> history = model.fit(x, np.arange(40) % 2, verbose=0)
        >>> "joint_loss" in history.history
        True
    """

    tape: tf.GradientTape
    heads: list[str]
    variables: list[keras.Variable]
    targets: Mapping[str, tf.Tensor]
    penalty: tf.Tensor | None
    loss: tf.Tensor
    losses: tf.Tensor
    size: tf.Tensor
    y: tf.Tensor
    logits: Mapping[str, tf.Tensor]
    seeds: keras.random.SeedGenerator
    learning_rate: tf.Tensor

    def loss_gradients(self) -> Gradients:
        """Returns the gradients of the blended loss: plain training."""
        return self.gradients(list(self.targets.values()))

    def head_gradients(self) -> list[Gradients]:
        """Returns the gradients of each head by itself, `[head][variable]`.

        They cost a backward pass a head. On several replicas they are those
        of the whole batch, so that a rule decides the same on each.
        """
        return [self.gradients_of(head) for head in self.heads]

    def gradients_of(self, head: str) -> Gradients:
        """Returns the gradients of one head, as `head_gradients` does."""
        found = self.gradients(self.targets[head])
        present = [value for value in found if value is not None]
        means = iter(replica_step.mean_over_replicas(present))
        return [None if value is None else next(means) for value in found]

    def mean_losses(self) -> tf.Tensor:
        """Returns the plain loss of every head on the whole batch, `(H,)`."""
        (mean,) = replica_step.mean_over_replicas([self.losses])
        return mean * replica_step.num_replicas()

    def gradients(self, target: Any) -> Gradients:
        """Returns the gradients of anything that the tape has recorded."""
        found = [
            None if value is None else tf.convert_to_tensor(value)
            for value in self.tape.gradient(
                target, [variable.value for variable in self.variables]
            )
        ]
        if replica_step.num_replicas() == 1:
            return found
        return replica_step.of_examples(found, self.size)


class Rule:
    """What a method does in every training step of a `BlendedModel`.

    Override what the method changes. Its running values are variables of the
    model, made in `build` with `model.add_weight(..., trainable=False,
    aggregation="only_first_replica")`: they are saved and resumed with it.
    A rule serves one model. It is not saved: a saved model is plain.

    Example:
        >>> import gblend_keras as gb
        >>> class HalfGradients(gb.Rule):
        ...     def gradients(self, model, step):
        ...         found = step.loss_gradients()
        ...         return [None if g is None else g / 2 for g in found]
        >>> isinstance(HalfGradients(), gb.Rule)
        True
    """

    def build(self, model: Any) -> None:
        """Makes variables, and checks that the network suits the method.

        Args:
            model: The `BlendedModel`, not compiled yet.

        Raises:
            ValueError: If the network does not suit.
        """
        del model

    def inputs(
        self, x: dict[str, tf.Tensor], seeds: keras.random.SeedGenerator
    ) -> dict[str, tf.Tensor]:
        """Returns the inputs of a training step.

        Args:
            x: `{modality: (batch, ...)}`.
            seeds: Random numbers, as in `Step`.
        """
        del seeds
        return x

    def gradients(self, model: Any, step: Step) -> Gradients:
        """Returns what the optimizer applies, and updates running values.

        Args:
            model: The `BlendedModel`.
            step: The batch.

        Returns:
            One gradient for each of `step.variables`.
        """
        del model
        return step.loss_gradients()


def added(one: Gradients, other: Gradients) -> Gradients:
    """Adds gradients of the same variables; None stands for 0."""
    return [
        b if a is None else a if b is None else a + b
        for a, b in zip(one, other, strict=True)
    ]


def summed(gradients: Sequence[Gradients]) -> Gradients:
    """Adds the gradients of all heads, `[head][variable]`."""
    total = list(gradients[0])
    for each in gradients[1:]:
        total = added(total, each)
    return total


def scaled(gradients: Gradients, factor: Any) -> Gradients:
    """Multiplies gradients by a number; None stays."""
    return [
        None if value is None else value * tf.cast(factor, value.dtype)
        for value in gradients
    ]


def inner_products(gradients: Sequence[Gradients]) -> tf.Tensor:
    """Computes the inner product of each pair of gradients, in float32.

    Args:
        gradients: `[head][variable]`.

    Returns:
        Shape `(H, H)`.
    """
    zero = tf.constant(0.0)
    rows = []
    for one in gradients:
        row = []
        for other in gradients:
            products = [
                tf.reduce_sum(tf.cast(a, tf.float32) * tf.cast(b, tf.float32))
                for a, b in zip(one, other, strict=True)
                if a is not None and b is not None
            ]
            row.append(tf.add_n(products) if products else zero)
        rows.append(tf.stack(row))
    return tf.stack(rows)


def shared_only(gradients: Sequence[Gradients]) -> list[Gradients]:
    """Leaves out variables that only one head depends on.

    Args:
        gradients: `[head][variable]`.

    Returns:
        The same, with None for these variables.
    """
    shared = [
        sum(value is not None for value in column) > 1
        for column in zip(*gradients, strict=True)
    ]
    return [
        [
            value if keep else None
            for value, keep in zip(row, shared, strict=True)
        ]
        for row in gradients
    ]
