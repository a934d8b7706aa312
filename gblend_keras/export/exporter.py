"""A trained model -> a file that runs without Keras."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import input_checks
from gblend_keras.blending.model import BlendedModel
from gblend_keras.export import _formats
from gblend_keras.export import _signatures
from gblend_keras.export._formats import Signature
from gblend_keras.runs import loader
from gblend_keras.training import initial_weights
from gblend_keras.utils import files

# Largest difference of a probability from Keras' that is let through: other
# kernels add in another order, about 1e-6 in float32.
TOLERANCE = 1e-4
BATCH_SIZES = (1, 4)  # of the check: one example, and several


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

    Example:
        >>> import gblend_keras as gb
        >>> found = gb.export.Exported(  # as `gb.export_model` returns it
        ...     path="pose",
        ...     format="savedmodel",
        ...     head="pose",
        ...     class_names=("sit", "walk"),
        ...     signatures={},
        ...     largest_difference=2e-7,
        ...     tolerance=1e-5,
        ...     num_examples=8,
        ... )
        >>> found.largest_difference < found.tolerance
        True
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
    head: str = _signatures.ALL,
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
        ValueError: If an argument does not fit, the folder or an operation of
            the network cannot be written, or the file's answers differ from
            Keras'.
        ImportError: If the format's library is not installed.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> folder = tempfile.mkdtemp() + "/image"
        >>> found = gb.export_model(model, folder, head="image")
        >>> list(found.signatures)
        ['serving_default']
    """
    target = Path(path)
    writer = _format(format, target)
    files.check_writable(target.parent, argument="out")
    if examples is not None:
        input_checks.check_inputs(model.network, examples)
    if class_names and len(class_names) != model.num_classes:
        raise ValueError(
            "`class_names` does not fit the model. Expected "
            f"{model.num_classes} names. Received: {len(class_names)}. "
            "Pass one name a class, or none."
        )
    found = _signatures.signatures(model, head, modalities, many=writer.many)
    x = examples or _signatures.random_examples(model, max(BATCH_SIZES))
    with _beside(target, writer.suffix) as beside:
        with _as_value_error():
            writer.write(_formats.Program(model.network, found), beside)
            difference = _largest_difference(found, writer.load(beside), x)
        if difference > TOLERANCE:
            raise ValueError(
                f"The {format} file answers otherwise than Keras. Expected "
                f"probabilities that differ by at most {TOLERANCE:g}. "
                f"Received: a difference of {difference:.2g}. Nothing was "
                "written. Export it in another format, and report the "
                "network's towers."
            )
        beside.replace(target)
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
    files.write_json(
        target.with_name(f"{target.name}.json"), dataclasses.asdict(exported)
    )
    return exported


@contextmanager
def _beside(target: Path, suffix: str) -> Iterator[Path]:
    """Gives a path for a file or folder that is not checked yet."""
    with files.partial_folder(target.parent) as folder:
        yield folder / f"export{suffix}"


def load_source(source: str | Path) -> tuple[BlendedModel, tuple[str, ...]]:
    """Loads what is to be exported, and its classes' names.

    Args:
        source: A name of the zoo, a run directory, or a `.keras` file, which
            has no names.

    Raises:
        ValueError: If it cannot be loaded.

    Example:
        >>> import gblend_keras as gb
        >>> model, class_names = gb.export.load_source("digits_online")
        >>> class_names[:3]
        ('zero', 'one', 'two')
    """
    if Path(source).is_dir():
        run = loader.load_run(source)
        return run.model, run.class_names
    model = initial_weights.load_trained(source)
    return model, tuple(getattr(model, "class_names", ()))


def describe(exported: Exported) -> str:
    """Returns what was exported as text, one line a signature.

    Example:
        >>> import gblend_keras as gb
        >>> signature = {"inputs": {"pose": [[None, 6], "float32"]}}
        >>> exported = gb.export.Exported(
        ...     path="pose",
        ...     format="savedmodel",
        ...     head="pose",
        ...     class_names=("sit", "walk"),
        ...     signatures={"serve": signature | {"outputs": ["pose"]}},
        ...     largest_difference=2e-7,
        ...     tolerance=1e-5,
        ...     num_examples=8,
        ... )
        >>> print(gb.export.describe(exported))
        pose (savedmodel), signatures:
          serve: pose -> pose
        Largest difference from Keras: 2e-07 (allowed 1e-05), 8 examples.
    """
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
    run: _formats.Run,
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
                ours, theirs = values.numpy(), received[key]
                # What LiteRT does not know it may skip, and answer with
                # nothing.
                is_answer = theirs.shape == ours.shape
                if is_answer and np.isfinite(theirs).all():
                    largest = max(largest, float(np.abs(theirs - ours).max()))
                else:
                    largest = float("inf")
    return largest


def _format(format: str, target: Path) -> _formats.Format:
    known = _formats.formats()
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
