"""Tower from TensorFlow Hub or from a SavedModel folder."""

import os
from typing import Any

import keras

from gblend_keras.utils import optional

DEFAULT_ENDPOINT = "__call__"  # what a reusable SavedModel offers


@keras.saving.register_keras_serializable(package="gblend_keras")
class SavedModelFeatures(keras.layers.Layer):
    """Features of a SavedModel, which is found by its handle.

    The layer is saved as its handle and, in a weights file, the values of its
    variables. Loading the layer resolves the handle again: load a model with
    a handle only from someone you trust, for a SavedModel is a program.

    Args:
        handle: A SavedModel folder, or a TensorFlow Hub handle (a URL).
        endpoint: A method or a signature of the SavedModel. A signature that
            gives several outputs needs an `output_key`.
        output_key: Which output to take, when there are several.
        **kwargs: `name`, `dtype`, `trainable`, as for every layer.

    Raises:
        ValueError: If the handle cannot be resolved, or the SavedModel has no
            such endpoint.
        ImportError: If a Hub handle is given and tensorflow-hub is missing.
    """

    def __init__(
        self,
        handle: str,
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        output_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.handle = str(handle)
        self.endpoint = endpoint
        self.output_key = output_key
        # Keras' own layer around a SavedModel knows folders only, and refuses
        # to be loaded from a file; so it lives inside this one.
        self.saved_model = keras.layers.TFSMLayer(
            resolve_handle(self.handle),
            call_endpoint=endpoint,
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name="saved_model",
        )

    def build(self, input_shape: Any) -> None:
        del input_shape  # the variables came with the SavedModel

    def call(self, inputs: Any) -> Any:
        outputs = self.saved_model(inputs)
        if not isinstance(outputs, dict):
            return outputs
        if self.output_key is None and len(outputs) == 1:
            return next(iter(outputs.values()))
        if self.output_key not in outputs:
            raise ValueError(
                f"`output_key` is not an output of {self.handle}. Expected one "
                f"of {', '.join(outputs)}. "
                f"Received: output_key={self.output_key}. Choose one of these."
            )
        return outputs[self.output_key]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            handle=self.handle,
            endpoint=self.endpoint,
            output_key=self.output_key,
        )
        return config


def build_hub(
    input_shape: tuple[int | None, ...],
    handle: str,
    *,
    trainable: bool = False,
    dtype: str = "float32",
    endpoint: str = DEFAULT_ENDPOINT,
    output_key: str | None = None,
    name: str = "hub_tower",
) -> keras.Model:
    """Builds a tower from a TensorFlow Hub handle or a SavedModel folder.

    TensorFlow Hub's own Keras layer refuses Keras 3; this takes its place.
    The SavedModel runs in inference mode in training too: its dropout is off
    and its batch norms keep their statistics.

    Args:
        input_shape: What the SavedModel expects, without the batch axis.
        handle: A folder with a `saved_model.pb`, or a Hub handle, which needs
            the package tensorflow-hub and, the first time, a network.
        trainable: Train its variables too. False freezes them.
        dtype: Of the input: "float32", "int32", "string" ...
        endpoint: A method or a signature of the SavedModel, such as
            "serving_default"; what `model.export` wrote has "serve".
        output_key: Which output to take, when the endpoint gives several.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, features)`.

    Raises:
        ValueError: If the handle cannot be resolved, has no such endpoint or
            output, or does not give one feature vector an example.
        ImportError: If a Hub handle is given and tensorflow-hub is missing.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> folder = tempfile.mkdtemp()  # or "https://tfhub.dev/..."
        >>> gb.build_mlp((6,), widths=(8,)).export(folder, verbose=False)
        >>> tower = gb.build_hub((6,), folder, endpoint="serve")
        >>> tower.output_shape
        (None, 8)
        >>> tower.trainable_weights
        []
    """
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, dtype=dtype, name="input")
        outputs = SavedModelFeatures(
            handle,
            endpoint=endpoint,
            output_key=output_key,
            trainable=trainable,
            dtype="float32",  # a SavedModel's own types do not follow a policy
            name="features",
        )(inputs)
    if len(outputs.shape) != 2 or outputs.shape[-1] is None:
        raise ValueError(
            f"{handle} does not give a feature vector. Expected an output of "
            f"shape (batch, features). Received: {outputs.shape}. "
            "Choose another `endpoint` or `output_key`."
        )
    return keras.Model(inputs, outputs, name=name)


def resolve_handle(handle: str) -> str:
    """Returns the folder of a SavedModel, downloading it if need be.

    Args:
        handle: A folder, or a TensorFlow Hub handle.

    Raises:
        ValueError: If there is no such folder and no such handle.
        ImportError: If tensorflow-hub is needed and missing.
    """
    if os.path.isfile(os.path.join(handle, "saved_model.pb")):
        return handle
    if "://" not in handle:
        raise ValueError(
            f"{handle} is not a SavedModel. Expected a folder with a file "
            "`saved_model.pb`, or a URL of TensorFlow Hub. "
            f"Received: handle={handle}. Check the path."
        )
    tensorflow_hub = optional.load(
        "tensorflow_hub", extra="hub", purpose=handle
    )
    try:
        return str(tensorflow_hub.resolve(handle))
    except Exception as error:  # each resolver raises errors of its own
        raise ValueError(
            f"{handle} cannot be resolved. Expected a handle that TensorFlow "
            f"Hub knows. Received: {type(error).__name__}: {error}. "
            "Check the handle and the network, or give a folder."
        ) from error
