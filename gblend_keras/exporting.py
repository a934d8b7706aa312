"""A trained model -> a file that runs without Keras."""

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras import config
from gblend_keras import export_formats
from gblend_keras import files
from gblend_keras import initialising
from gblend_keras import runs
from gblend_keras.blending import available
from gblend_keras.blending import checks
from gblend_keras.blending import losses
from gblend_keras.blending.model import BlendedModel
from gblend_keras.export_formats import Signature
from gblend_keras.network import BLEND
from gblend_keras.network import tower_models

ALL = "all"
# The signature that a program gets when it asks for none.
DEFAULT = "serving_default"
# Outputs are called so after their head: an output must not be called like
# an input. The answer of a set of modalities is `probabilities` alone.
ANSWER = "probabilities"
# Largest difference of a probability from Keras' that is let through: other
# kernels add in another order, about 1e-6 in float32.
TOLERANCE = 1e-4
BATCH_SIZES = (1, 4)  # of the check: one example, and several
UNKNOWN_SIZE = 32  # of the check: where an example's size is left open


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export wrote, and how it was checked.

    Attributes:
        path: The file or folder.
        format: "savedmodel", "tflite" or "onnx".
        head: What was exported.
        class_names: One name a class, in the order of the probabilities.
        signatures: `{name: {"inputs": {modality: [shape, dtype]}, "outputs":
            names}}`.
        largest_difference: From Keras' probabilities, in the check.
        tolerance: What it had to be below.
        num_examples: In the check.
    """

    path: str
    format: str
    head: str
    class_names: tuple[str, ...]
    signatures: Mapping[str, Any]
    largest_difference: float
    tolerance: float
    num_examples: int


def export_model(
    model: BlendedModel,
    path: str | Path,
    *,
    format: str = "savedmodel",
    head: str = ALL,
    modalities: Sequence[str] = (),
    class_names: Sequence[str] = (),
    examples: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Exported:
    """Writes a model, or a part of it, as a file that runs without Keras.

    Inputs are raw modalities (standardisation is inside), outputs are
    probabilities. The file is run by the format's own runtime and compared
    with Keras; only if they agree does it appear. `PATH.json` beside it says
    what goes in and what comes out.

    Args:
        model: A trained model.
        path: File or folder to write, which must not exist.
        format: "savedmodel", "tflite" (LiteRT) or "onnx".
        head: "all" for every trained head and `blend`, and, in formats that
            hold several signatures, one signature for each set of modalities
            that may be there; or "joint", "blend" or a modality.
        modalities: With "all": export the answer from these modalities alone
            (see `BlendedModel.predict_available`) as the one signature.
        class_names: One name a class; empty for none.
        examples: `{modality: (examples, ...)}` to compare on. None: random
            ones with the training set's mean and deviation.

    Returns:
        What was written.

    Raises:
        ValueError: If an argument does not fit, an operation of the network
            cannot be written, or the file's answers differ from Keras'.
        ImportError: If the format's library is not installed.
    """
    target = Path(path)
    writer = _format(format, target)
    _check_examples(model, examples)
    _check_class_names(model, class_names)
    found = signatures(model, head, modalities, many=writer.many)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".partial-", dir=target.parent
    ) as folder:
        beside = Path(folder) / f"export{writer.suffix}"
        x = examples or random_examples(model, max(BATCH_SIZES))
        with _as_value_error():
            writer.write(model.network, found, beside)
            difference = _largest_difference(found, writer.load(beside), x)
        _check_difference(difference, format)
        exported = Exported(
            path=target.name,
            format=format,
            head=head,
            class_names=tuple(class_names),
            signatures={name: _described(each) for name, each in found.items()},
            largest_difference=difference,
            tolerance=TOLERANCE,
            num_examples=len(next(iter(x.values()))),
        )
        beside.replace(target)
    files.write_json(
        target.with_name(f"{target.name}.json"), dataclasses.asdict(exported)
    )
    return exported


def load_source(source: str | Path) -> tuple[BlendedModel, tuple[str, ...]]:
    """Loads what is to be exported, and its classes' names.

    Args:
        source: A name of the zoo, a run directory, or a `.keras` file, which
            has no names.

    Raises:
        ValueError: If it cannot be loaded.
    """
    if Path(source).is_dir():
        run = runs.load_run(source)
        return run.model, run.class_names
    model = initialising.load_trained(source)
    return model, tuple(getattr(model, "class_names", ()))


def describe(exported: Exported) -> str:
    """Returns what was exported as text, one line a signature."""
    lines = []
    for name, signature in exported.signatures.items():
        inputs = ", ".join(signature["inputs"])
        outputs = ", ".join(signature["outputs"])
        lines.append(f"  {name}: {inputs} -> {outputs}")
    return "\n".join(
        [
            f"{exported.path} ({exported.format}), signatures:",
            *lines,
            f"Largest difference from Keras: {exported.largest_difference:.2g} "
            f"(allowed {exported.tolerance:g}), "
            f"{exported.num_examples} examples.",
        ]
    )


def signatures(
    model: BlendedModel,
    head: str = ALL,
    modalities: Sequence[str] = (),
    *,
    many: bool = True,
) -> dict[str, Signature]:
    """Returns the ways to call an exported model.

    Args:
        model: A trained model.
        head: See `export_model`.
        modalities: See `export_model`.
        many: Whether there may be more than one.

    Raises:
        ValueError: If the head is unknown or was not trained, or the
            modalities do not fit.
    """
    _check_head(model, head)
    if modalities:
        _check_modalities(model, head, modalities)
        return {DEFAULT: _answer(model, modalities)}
    if head != ALL:
        return {DEFAULT: _heads(model, [head])}
    trained = _trained(model)
    whole = [*trained, BLEND] if _blend_is_trained(model) else trained
    found = {DEFAULT: _heads(model, whole)}
    if many:
        found |= _answers(model)
    return found


def random_examples(
    model: BlendedModel, count: int, *, seed: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Draws inputs with the training set's mean and deviation.

    Where a tower does not know them, mean 0 and deviation 1; integers from 0
    to 255 for bytes, and 0 or 1 for others.

    Args:
        model: What they are for.
        count: Number of examples.
        seed: Seeds them.

    Raises:
        ValueError: If a modality is text.
    """
    rng = np.random.default_rng(seed)
    examples = {}
    for name, spec in model.network.input.items():
        shape = (count, *(size or UNKNOWN_SIZE for size in spec.shape[1:]))
        dtype = tf.as_dtype(spec.dtype)
        if dtype.is_floating:
            mean, deviation = _statistics(model.network, name)
            values = mean + deviation * rng.normal(size=shape)
        elif dtype.is_integer or dtype.is_bool:
            values = rng.integers(0, 256 if dtype.size == 1 else 2, shape)
        else:
            raise ValueError(
                f"Modality '{name}' holds {spec.dtype}. Expected numbers, or "
                "`examples` to compare on. Received: none. "
                "Pass `examples`."
            )
        examples[name] = values.astype(dtype.as_numpy_dtype)
    return examples


def _statistics(network: keras.Model, modality: str) -> tuple[Any, Any]:
    """Returns mean and deviation that the tower standardises with."""
    for tower in tower_models(network, modality):
        for layer in tower.layers:
            if isinstance(layer, keras.layers.Normalization):
                mean = keras.ops.convert_to_numpy(layer.mean)
                variance = keras.ops.convert_to_numpy(layer.variance)
                return mean, np.sqrt(variance)
    return 0.0, 1.0


def _trained(model: BlendedModel) -> list[str]:
    return [head for head, weight in model.blend_weights.items() if weight > 0]


def _blend_is_trained(model: BlendedModel) -> bool:
    return len(_trained(model)) == len(model.head_names)


def _heads(model: BlendedModel, heads: Sequence[str]) -> Signature:
    """Returns the signature of heads and of `blend`, as `predict` has them."""
    network, multi_label = model.network, model.multi_label
    read = list(network.output) if BLEND in heads else list(heads)
    logits = {head: network.output[head] for head in read}
    inputs = dict(network.input)
    if len(read) == 1 and read[0] in inputs:  # a modality's own head
        own = available.connected({read[0]: inputs[read[0]]}, logits)
        inputs = {read[0]: inputs[read[0]]} if own else inputs
    part = keras.Model(inputs, logits)

    def function(x: Mapping[str, Any]) -> dict[str, Any]:
        found = losses.probabilities(
            part(x, training=False), multi_label=multi_label
        )
        return {f"{head}_{ANSWER}": found[head] for head in heads}

    outputs = tuple(f"{head}_{ANSWER}" for head in heads)
    return Signature(_specs(inputs), outputs, function)


def _answer(model: BlendedModel, present: Sequence[str]) -> Signature:
    """Returns the signature of the answer from some modalities."""
    answer = available.Answer(model, present)
    inputs = {name: model.network.input[name] for name in answer.present}

    def function(x: Mapping[str, Any]) -> dict[str, Any]:
        return {ANSWER: answer(x)}

    return Signature(_specs(inputs), (ANSWER,), function)


def _answers(model: BlendedModel) -> dict[str, Signature]:
    """Returns the answers from every set of modalities that can answer."""
    names = list(model.network.input)
    found: dict[str, Signature] = {}
    for count in range(1, len(names) + 1):
        for present in itertools.combinations(names, count):
            name = "_".join(present)
            if name in found or name == DEFAULT:
                raise ValueError(
                    "Two sets of modalities have one name. Expected names "
                    f"that differ when joined by '_'. Received: {name!r} "
                    f"twice, of {names}. Export them one by one, with "
                    "`modalities`."
                )
            try:
                found[name] = _answer(model, present)
            except ValueError:  # of no fixed size: nothing can stand for it
                continue
    return found


def _specs(inputs: Mapping[str, Any]) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec((None, *each.shape[1:]), each.dtype, name=name)
        for name, each in inputs.items()
    }


def _described(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {
            name: [["batch", *spec.shape[1:]], spec.dtype.name]
            for name, spec in signature.inputs.items()
        },
        "outputs": list(signature.outputs),
    }


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Turns what converters and runtimes raise into one sentence."""
    try:
        yield
    except ImportError:
        raise
    except Exception as error:  # they raise what they like
        (line, *_) = str(error).strip().splitlines() or [""]
        reason = line.rstrip(".")
        raise ValueError(
            "The network cannot be written in this format. Expected "
            "operations that the format has. Received: "
            f"{type(error).__name__}: {reason}. "
            "Export it as savedmodel, or choose another tower."
        ) from error


def _largest_difference(
    found: Mapping[str, Signature],
    run: export_formats.Run,
    examples: Mapping[str, npt.NDArray[Any]],
) -> float:
    """Returns how far the file's answers are from Keras' at most."""
    largest = 0.0
    for size in BATCH_SIZES:
        for name, signature in found.items():
            x = {key: examples[key][:size] for key in signature.inputs}
            expected = signature.function(
                {key: tf.constant(value) for key, value in x.items()}
            )
            received = run(name, x)
            for key, values in expected.items():
                largest = max(largest, _distance(received[key], values.numpy()))
    return largest


def _distance(received: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    # What LiteRT does not know it may skip, and answer with nothing.
    if received.shape != expected.shape or not np.isfinite(received).all():
        return float("inf")
    return float(np.abs(received - expected).max())


def _check_difference(difference: float, format: str) -> None:
    if difference > TOLERANCE:
        raise ValueError(
            f"The {format} file answers otherwise than Keras. Expected "
            f"probabilities that differ by at most {TOLERANCE:g}. Received: "
            f"a difference of {difference:.2g}. Nothing was written. "
            "Export it in another format, and report the network's towers."
        )


def _format(format: str, target: Path) -> export_formats.Format:
    known = export_formats.formats()
    config.check_choice("format", format, tuple(known))
    writer = known[format]
    if writer.suffix and target.suffix != writer.suffix:
        raise ValueError(
            f"`path` has a wrong end. Expected '{writer.suffix}' for format "
            f"'{format}'. Received: {target}. Rename it."
        )
    if target.exists():
        raise ValueError(
            "`path` is there already. Expected a path where nothing is. "
            f"Received: {target}. Remove it, or choose another."
        )
    return writer


def _check_head(model: BlendedModel, head: str) -> None:
    config.check_choice("head", head, (ALL, BLEND, *model.head_names))
    trained = _trained(model)
    needed = model.head_names if head == BLEND else [head]
    missing = [name for name in needed if name != ALL and name not in trained]
    if missing:
        raise ValueError(
            f"`head` was not trained. Expected one of {trained}, whose blend "
            f"weight is above 0. Received: head={head!r}, which needs "
            f"{missing}. Choose a trained head, or '{ALL}'."
        )


def _check_modalities(
    model: BlendedModel, head: str, modalities: Sequence[str]
) -> None:
    names = list(model.network.input)
    unknown = [name for name in modalities if name not in names]
    if unknown or head != ALL:
        raise ValueError(
            f"`modalities` does not fit. Expected some of {names}, with "
            f"head='{ALL}'. Received: modalities={list(modalities)}, "
            f"head={head!r}. A head always reads the same modalities."
        )


def _check_examples(model: BlendedModel, examples: Any) -> None:
    if examples is not None:
        checks.check_inputs(model.network, examples)


def _check_class_names(model: BlendedModel, names: Sequence[str]) -> None:
    if names and len(names) != model.num_classes:
        raise ValueError(
            "`class_names` does not fit the model. Expected "
            f"{model.num_classes} names. Received: {len(names)}. "
            "Pass one name a class, or none."
        )
