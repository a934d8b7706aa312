"""A network of the zoo: it knows its classes and what goes into it."""

import importlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from gblend_keras import config
from gblend_keras.blending.model import BlendedModel


@keras.saving.register_keras_serializable(package="gblend_keras")
class ZooModel(BlendedModel):
    """A `BlendedModel` with class names and a contract for its inputs.

    Args:
        network: As of `BlendedModel`.
        multi_label: As of `BlendedModel`.
        class_names: One a class; empty for numbers.
        inputs_about: `{modality: what its values are, in words}`.
        clips: Settings by which clips are cut out of videos, as
            `config.ClipConfig` has them; None where arrays go in.
        raw_pixels: Whether RGB goes in as 0 to 255: the network itself
            normalises.
        name: Name of the model.

    Raises:
        ValueError: If there are names, but not one a class.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        multi_label: bool = False,
        class_names: Sequence[str] = (),
        inputs_about: Mapping[str, str] | None = None,
        clips: Mapping[str, Any] | None = None,
        raw_pixels: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(network, multi_label=multi_label, name=name)
        if class_names and len(class_names) != self.num_classes:
            raise ValueError(
                "`class_names` does not fit the network. Expected "
                f"{self.num_classes} names. Received: {len(class_names)}. "
                "Give one name a class, in the order of the labels."
            )
        numbers = (str(number) for number in range(self.num_classes))
        self.class_names = tuple(class_names) or tuple(numbers)
        self.inputs_about = dict(inputs_about or {})
        self.clip_settings = None if clips is None else dict(clips)
        self.raw_pixels = raw_pixels

    def preprocess(
        self, inputs: Any, *, num_clips: int = 1, num_crops: int = 1
    ) -> dict[str, Any]:
        """Turns files or arrays into what `predict` takes.

        Networks of videos take a path or several; each video gives
        `num_clips * num_crops` examples, one after another, whose
        probabilities are to be averaged. The others take `{modality: array}`
        with or without a batch axis, or the path of an `.npz` with such.

        Args:
            inputs: Files or arrays.
            num_clips: Of videos: clips evenly spread over each.
            num_crops: Of videos: 1 for the centre, or 3.

        Returns:
            `{modality: (examples, ...)}`, float32.

        Raises:
            ValueError: If the inputs are not what the network takes.
            MediaError: If a video cannot be read, or lacks a picture or
                sound.
        """
        # Here, so that `import keras` does not load readers of media.
        preparing = importlib.import_module("gblend_keras.zoo.preprocessing")
        shapes = {
            modality: tuple(tensor.shape[1:])
            for modality, tensor in self.network.input.items()
        }
        prepared: dict[str, Any]
        if self.clip_settings is None:
            prepared = preparing.from_arrays(inputs, shapes)
        else:
            prepared = preparing.from_videos(
                inputs,
                tuple(shapes),
                config.ClipConfig(**self.clip_settings),
                views=(num_clips, num_crops),
                raw_pixels=self.raw_pixels,
            )
        return prepared

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "class_names": list(self.class_names),
            "inputs_about": dict(self.inputs_about),
            "clips": self.clip_settings,
            "raw_pixels": self.raw_pixels,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> "ZooModel":
        network = keras.saving.deserialize_keras_object(
            config["network"], custom_objects=custom_objects
        )
        return cls(**{**config, "network": network})
