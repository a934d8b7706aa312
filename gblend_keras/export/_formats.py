"""File formats that a network is exported to: how each is written and run."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Protocol

import keras
import numpy.typing as npt
import tensorflow as tf

from gblend_keras.utils import optional

OPSET = 18  # of ONNX; the newest that tf2onnx 1.17 writes

Arrays = dict[str, npt.NDArray[Any]]
# (name of a signature, {modality: batch}) -> {output: batch}
Run = Callable[[str, Mapping[str, npt.NDArray[Any]]], Arrays]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way to call an exported network.

    Attributes:
        inputs: `{modality: what is expected}`.
        outputs: Names of what comes out.
        function: `{modality: batch} -> {output: probabilities}`.
    """

    inputs: Mapping[str, tf.TensorSpec]
    outputs: tuple[str, ...]
    function: Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Program:
    """What a file holds.

    Attributes:
        network: Has the variables.
        signatures: `{name: one way to call it}`.
    """

    network: keras.Model
    signatures: Mapping[str, Signature]


class Format(Protocol):
    """A file format.

    Attributes:
        suffix: End of the file's name; "" for a folder.
        many: Whether a file holds more than one signature.
    """

    suffix: str
    many: bool

    def write(self, program: Program, path: Path) -> None:
        """Writes a network's signatures to a path where nothing is."""

    def load(self, path: Path) -> Run:
        """Returns what runs the file, with the format's own runtime."""


class SavedModel:
    """TensorFlow's: for TF Serving, or any program with TensorFlow."""

    suffix = ""
    many = True

    def write(self, program: Program, path: Path) -> None:
        archive = keras.export.ExportArchive()
        archive.track(program.network)
        for name, signature in program.signatures.items():
            archive.add_endpoint(
                name,
                signature.function,
                input_signature=[dict(signature.inputs)],
            )
        archive.write_out(path, verbose=False)

    def load(self, path: Path) -> Run:
        loaded = tf.saved_model.load(path)

        def run(name: str, x: Mapping[str, npt.NDArray[Any]]) -> Arrays:
            tensors = {key: tf.constant(value) for key, value in x.items()}
            found = loaded.signatures[name](**tensors)
            return {key: value.numpy() for key, value in found.items()}

        return run


class LiteRT:
    """LiteRT's, earlier TensorFlow Lite's: for phones and small devices.

    Only operations that LiteRT itself has: what needs TensorFlow's own kernels
    beside it cannot be exported.
    """

    suffix = ".tflite"
    many = True

    def write(self, program: Program, path: Path) -> None:
        folder = path.with_suffix(".savedmodel")
        SavedModel().write(program, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=list(program.signatures)
        )
        path.write_bytes(converter.convert())

    def load(self, path: Path) -> Run:
        interpreter = optional.load(
            "ai_edge_litert.interpreter",
            extra="export",
            purpose="Checking a LiteRT file",
        )
        loaded = interpreter.Interpreter(model_path=str(path))

        def run(name: str, x: Mapping[str, npt.NDArray[Any]]) -> Arrays:
            return dict(loaded.get_signature_runner(name)(**x))

        return run


class Onnx:
    """ONNX: for ONNX Runtime and what else reads it; one graph a file."""

    suffix = ".onnx"
    many = False

    def write(self, program: Program, path: Path) -> None:
        onnx, tf2onnx = (
            optional.load(library, extra="export", purpose="Export to ONNX")
            for library in ("onnx", "tf2onnx")
        )
        # The network's variables become constants.
        (signature,) = program.signatures.values()
        concrete = tf.function(
            signature.function, input_signature=[dict(signature.inputs)]
        ).get_concrete_function()
        # Not tf2onnx.convert.from_function: it takes constants that were made
        # outside of the function, as those of standardisation, for inputs.
        inputs = {f"{name}:0": name for name in signature.inputs}
        outputs = {
            tensor.name: name
            for name, tensor in zip(
                sorted(signature.outputs), concrete.outputs, strict=True
            )
        }
        frozen = tf2onnx.tf_loader.from_function(
            concrete, list(inputs), list(outputs)
        )
        graph, _ = tf2onnx.convert.from_graph_def(
            frozen,
            input_names=list(inputs),
            output_names=list(outputs),
            opset=OPSET,
            tensors_to_rename=inputs | outputs,
        )
        for value in [*graph.graph.input, *graph.graph.output]:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        onnx.save(graph, str(path))

    def load(self, path: Path) -> Run:
        onnxruntime = optional.load(
            "onnxruntime", extra="export", purpose="Checking an ONNX file"
        )
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
        outputs = [each.name for each in session.get_outputs()]

        def run(name: str, x: Mapping[str, npt.NDArray[Any]]) -> Arrays:
            del name  # there is one
            return dict(
                zip(outputs, session.run(outputs, dict(x)), strict=True)
            )

        return run


def formats() -> dict[str, Format]:
    """Returns every format, by the name that `--format` knows."""
    return {"savedmodel": SavedModel(), "tflite": LiteRT(), "onnx": Onnx()}
