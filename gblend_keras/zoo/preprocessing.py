"""Files and arrays -> what a network of the zoo takes."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.data import datasets
from gblend_keras.data import example_checks
from gblend_keras.data import npz
from gblend_keras.data.clips import footage
from gblend_keras.data.clips import transforms
from gblend_keras.evaluation import video_predictor

FloatArray = npt.NDArray[np.float32]
Shape = tuple[int | None, ...]


def from_arrays(
    inputs: Any, shapes: Mapping[str, Shape]
) -> dict[str, FloatArray]:
    """Checks arrays, and gives single examples a batch axis.

    Args:
        inputs: `{modality: array}`, or the path of an `.npz` with such.
        shapes: Of one example, by modality.

    Raises:
        ValueError: If a modality is missing, a shape does not fit, or a value
            is not finite.
    """
    if isinstance(inputs, (str, os.PathLike)):
        stored = npz.read_npz(Path(inputs))
        inputs = {name: stored[name] for name in stored if name in shapes}
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "`inputs` is no set of arrays. Expected {modality: array} or the "
            f"path of an .npz. Received: {type(inputs).__name__}. "
            f"Give the modalities {list(shapes)}."
        )
    example_checks.check_modalities(inputs, list(shapes))
    prepared = {}
    for name, shape in shapes.items():
        array = np.asarray(inputs[name])
        if array.ndim == len(shape):
            array = array[None]
        fits = array.ndim == len(shape) + 1 and all(
            size in (None, found)
            for size, found in zip(shape, array.shape[1:], strict=True)
        )
        if not fits:
            raise ValueError(
                f"Modality '{name}' has another shape. Expected {shape}, or "
                f"(examples, ...) of it. Received: {np.shape(inputs[name])}. "
                "See the card for what goes in."
            )
        prepared[name] = array.astype(np.float32)
    length = len(next(iter(prepared.values())))
    for name, array in prepared.items():
        example_checks.check_modality(name, array, length)
    return prepared


def from_videos(
    inputs: Any,
    modalities: tuple[str, ...],
    settings: config.ClipConfig,
    *,
    views: tuple[int, int],
    raw_pixels: bool,
) -> dict[str, FloatArray]:
    """Cuts clips out of video files.

    Args:
        inputs: A path, or several.
        modalities: Of the network.
        settings: How clips are cut.
        views: Clips and crops of each video.
        raw_pixels: Whether RGB is wanted as 0 to 255.

    Raises:
        ValueError: If there is no path.
        MediaError: If a file cannot be read, or lacks a picture or sound.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    if (
        not isinstance(inputs, Sequence)
        or not inputs
        or not all(isinstance(each, (str, os.PathLike)) for each in inputs)
    ):
        raise ValueError(
            "`inputs` names no video. Expected a path, or several. "
            f"Received: {type(inputs).__name__}. Give the files."
        )
    examples = video_predictor.cut_videos(
        inputs, modalities, settings, num_clips=views[0], num_crops=views[1]
    )
    batches = datasets.make_dataset(examples, batch_size=examples.num_views)
    read = [x for x, _ in batches.as_numpy_iterator()]
    prepared = {
        name: np.concatenate([x[name] for x in read]) for name in modalities
    }
    if raw_pixels and footage.RGB in prepared:
        deviation = np.asarray(transforms.VMZ_DEVIATION, np.float32)
        mean = np.asarray(transforms.VMZ_MEAN, np.float32)
        # Undoes `video.normalize`.
        prepared[footage.RGB] = prepared[footage.RGB] * deviation + mean
    return prepared
