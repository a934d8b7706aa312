"""Towers from sound and video models of TensorFlow Hub, as they are there.

Many of these do not fit `towers.hub`: YAMNet takes one waveform without a
batch axis and gives a tuple of rows; I3D is of Hub's first format.
"""

import os
from typing import Any

import keras
import tensorflow as tf

from gblend_keras.towers import hub

_FIRST_FORMAT = "tfhub_module.pb"  # in modules of TensorFlow 1


@keras.saving.register_keras_serializable(package="gblend_keras")
class HubMediaFeatures(keras.layers.Layer):
    """Features of a frozen SavedModel, found by its handle.

    Saved as its handle alone: loading it resolves the handle again. A
    SavedModel is a program; load it only from someone you trust.

    Args:
        handle: A SavedModel folder, or a TensorFlow Hub handle.
        endpoint: A signature of the SavedModel; "" to call it itself.
        output: Which output: its number where outputs are a tuple, or its
            name; "" where there is one.
        num_features: Length of a feature vector.
        one_by_one: Whether it takes one example without a batch axis and
            gives rows `(rows, features)`, which are averaged.
        **kwargs: `name`, as for every layer.

    Raises:
        ValueError: If the handle cannot be resolved, or there is no such
            endpoint.
        ImportError: If a Hub handle is given and tensorflow-hub is missing.
    """

    def __init__(
        self,
        handle: str,
        *,
        endpoint: str,
        output: str,
        num_features: int,
        one_by_one: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["trainable"] = False
        kwargs["dtype"] = "float32"  # a SavedModel follows no policy
        super().__init__(**kwargs)
        self.handle = str(handle)
        self.endpoint = endpoint
        self.output_key = output
        self.num_features = num_features
        self.one_by_one = one_by_one
        folder = hub.resolve_handle(self.handle)
        first = os.path.isfile(os.path.join(folder, _FIRST_FORMAT))
        # The first format has a graph to train, too; the one without tags
        # serves.
        loaded = tf.saved_model.load(folder, tags=[] if first else None)
        # In a tuple, so that Keras does not track what is not its own.
        self._loaded = (loaded,)
        self._function = loaded
        if endpoint or not callable(loaded):
            if endpoint not in loaded.signatures:
                raise ValueError(
                    f"`endpoint` is not one of {handle}. Expected one of "
                    f"{list(loaded.signatures)}, or '' where it can be called. "
                    f"Received: endpoint={endpoint!r}. Choose one of these."
                )
            self._function = loaded.signatures[endpoint]

    def build(self, input_shape: Any) -> None:
        del input_shape  # the variables came with the SavedModel

    def call(self, inputs: Any) -> Any:
        if not self.one_by_one:
            return self._feature(inputs)
        return tf.map_fn(
            lambda each: tf.reduce_mean(self._feature(each), axis=0),
            inputs,
            fn_output_signature=tf.TensorSpec((self.num_features,)),
        )

    def check(self, input_shape: tuple[int | None, ...]) -> None:
        """Raises unless the model takes such examples and gives the feature.

        Keras would wrap the error of a call in its own words.

        Args:
            input_shape: Of one example.
        """
        batch = () if self.one_by_one else (None,)
        tf.function(self._feature, autograph=False).get_concrete_function(
            tf.TensorSpec((*batch, *input_shape))
        )

    def _feature(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = self._function(inputs)
        key: Any = self.output_key
        if isinstance(outputs, dict):
            known = list(outputs)
            key = key or known[0]
        elif isinstance(outputs, (tuple, list)):
            known = [str(number) for number in range(len(outputs))]
        else:
            outputs, known, key = {"": outputs}, [""], ""
        if key not in known or (not self.output_key and len(known) > 1):
            raise ValueError(
                f"`output` is not one of {self.handle}. Expected one of "
                f"{known}. Received: output={self.output_key!r}. "
                "Choose one of these."
            )
        value = outputs[key if isinstance(outputs, dict) else int(key)]
        if not value.shape.is_compatible_with((None, self.num_features)):
            raise ValueError(
                f"{self.handle} gives another output. Expected rows of "
                f"{self.num_features} features. Received: {value.shape}. "
                "Choose another `output`, or correct `num_features`."
            )
        return tf.ensure_shape(value, (None, self.num_features))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "handle": self.handle,
            "endpoint": self.endpoint,
            "output": self.output_key,
            "num_features": self.num_features,
            "one_by_one": self.one_by_one,
        }


def build_hub_media(
    input_shape: tuple[int | None, ...],
    handle: str,
    *,
    endpoint: str = "",
    output: str = "",
    num_features: int,
    one_by_one: bool = False,
    name: str = "hub_tower",
) -> keras.Model:
    """Builds a frozen tower from a sound or video model of TensorFlow Hub.

    Args:
        input_shape: What one example is, without the batch axis.
        handle: A SavedModel folder, or a TensorFlow Hub handle.
        endpoint: See `HubMediaFeatures`.
        output: See `HubMediaFeatures`.
        num_features: See `HubMediaFeatures`.
        one_by_one: See `HubMediaFeatures`.
        name: Model name.

    Returns:
        A functional model `(batch, *input_shape) -> (batch, num_features)`.

    Raises:
        ValueError: If the handle cannot be resolved, or has no such endpoint
            or output, or gives another number of features.
        ImportError: If a Hub handle is given and tensorflow-hub is missing.

    Example:
        >>> import tempfile
        >>> import gblend_keras as gb
        >>> folder = tempfile.mkdtemp()  # or a handle of the zoo's Hub entries
        >>> gb.build_mlp((6,), widths=(8,)).export(folder, verbose=False)
        >>> tower = gb.towers.build_hub_media(
        ...     (6,), folder, endpoint="serving_default", num_features=8
        ... )
        >>> tower.output_shape
        (None, 8)
    """
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="input")
        features = HubMediaFeatures(
            handle,
            endpoint=endpoint,
            output=output,
            num_features=num_features,
            one_by_one=one_by_one,
            name="features",
        )
        features.check(input_shape)
        outputs = features(inputs)
    return keras.Model(inputs, outputs, name=name)
