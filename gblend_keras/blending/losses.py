"""Losses: the blended one, those of the heads, and what follows from logits."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from gblend_keras.heads import BLEND

# What `compile(loss="...")` may name. Heads give logits, so these are made
# with from_logits=True, unlike Keras' own strings.
LOSSES = {
    "sparse_categorical_crossentropy": (
        keras.losses.SparseCategoricalCrossentropy
    ),
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}
MULTI_LABEL_LOSSES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
)


def blended_loss(
    head_losses: Sequence[Any], weights: Any, loss_scale: Any
) -> Any:
    """Computes the loss that is trained on, without penalties, a scalar.

        loss = loss_scale * sum_h w_h L_h

    Source: Wang, Tran & Feiszli, CVPR 2020, Eq. 7.
    Ours: `loss_scale`.

    Args:
        head_losses: L_h of each head, scalars.
        weights: w_h of each head, shape `(H,)`.
        loss_scale: Factor on the sum.
    """
    return loss_scale * ops.sum(weights * ops.stack(head_losses))


def blended_terms(
    head_losses: Sequence[Any], weights: Any, loss_scale: Any
) -> list[Any]:
    """Computes the terms of `blended_loss` by themselves, scalars.

    None goes through a tensor with the others, so that a tape sees which
    variables each head depends on.

    Args:
        head_losses: L_h of each head, scalars.
        weights: w_h of each head, shape `(H,)`.
        loss_scale: Factor on each.
    """
    factors = ops.unstack(loss_scale * weights, len(head_losses))
    return [
        factor * loss for factor, loss in zip(factors, head_losses, strict=True)
    ]


def resolve_loss(loss: Any, *, multi_label: bool) -> keras.losses.Loss:
    """Returns the loss of a head, on logits.

    Args:
        loss: None (cross-entropy, binary for multi-label), a name in
            `LOSSES`, or a `keras.losses.Loss` on logits.
        multi_label: Whether an example may have several classes.

    Raises:
        ValueError: If the name is unknown, or the loss expects probabilities
            or another kind of label.
        TypeError: If it is no loss.
    """
    if loss is None:
        loss = (
            "binary_crossentropy"
            if multi_label
            else "sparse_categorical_crossentropy"
        )
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(
                "`loss` is unknown. Expected one of "
                f"{sorted(LOSSES)}, or a keras.losses.Loss on logits. "
                f"Received: loss={loss!r}. Leave it out for cross-entropy."
            )
        loss = LOSSES[loss](from_logits=True)
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(
            "`loss` is no loss. Expected a name or a keras.losses.Loss. "
            f"Received: {type(loss).__name__}. One loss serves every head; "
            "the blend weights it."
        )
    if loss.get_config().get("from_logits") is False:
        raise ValueError(
            "`loss` expects probabilities. Expected a loss on logits. "
            f"Received: {loss.name} with from_logits=False. "
            "Pass from_logits=True."
        )
    if isinstance(loss, MULTI_LABEL_LOSSES) != multi_label:
        raise ValueError(
            "`loss` and `multi_label` contradict each other. Expected a "
            "binary loss if and only if an example may have several classes. "
            f"Received: loss={loss.name}, multi_label={multi_label}. "
            "Pass `multi_label` to BlendedModel to match the loss."
        )
    return loss


def example_losses(loss: keras.losses.Loss, y: Any, logits: Any) -> Any:
    """Computes the loss of each example, not weighted, shape `(batch,)`."""
    values = loss.call(ops.convert_to_tensor(y), ops.cast(logits, "float32"))
    values = ops.cast(values, "float32")
    return ops.reshape(values, [ops.shape(logits)[0], -1])[:, 0]


def example_errors(y: Any, logits: Any, *, multi_label: bool) -> Any:
    """Computes 1 - accuracy of each example, shape `(batch,)`.

    For multi-label data this is the share of labels that are wrong.
    """
    if multi_label:
        wrong = ops.not_equal(ops.cast(y, "float32") > 0.5, logits > 0)
        return ops.mean(ops.cast(wrong, "float32"), axis=-1)
    target = ops.argmax(y, axis=-1) if is_one_hot(y, logits) else y
    target = ops.reshape(ops.cast(target, "int64"), [-1])
    predicted = ops.cast(ops.argmax(logits, axis=-1), "int64")
    return ops.cast(ops.not_equal(target, predicted), "float32")


def is_one_hot(y: Any, logits: Any) -> bool:
    """Says whether single labels come as rows of zeros and a one."""
    return len(y.shape) == 2 and y.shape[-1] == logits.shape[-1] > 1


def probabilities(
    logits: dict[str, Any], *, multi_label: bool
) -> dict[str, Any]:
    """Computes each head's probabilities and `blend`, their mean over heads.

    Ours: the paper answers with the joint head alone. Blended training leaves
    k + 1 trained heads; their mean costs nothing more.

    Args:
        logits: `{head: (batch, num_classes)}`.
        multi_label: Sigmoid instead of softmax.

    Returns:
        `{head: (batch, num_classes)}` for the heads and `blend`, float32.
    """
    activation = ops.sigmoid if multi_label else ops.softmax
    result = {
        head: activation(ops.cast(value, "float32"))
        for head, value in logits.items()
    }
    result[BLEND] = functools.reduce(ops.add, result.values()) / len(logits)
    return result
