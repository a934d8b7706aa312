"""What a converted network expects of its inputs, written beside it."""

import dataclasses
from typing import Any

# VMZ, `ops/av_input_op.h`, and torchvision (0.43216, 0.394666, 0.37645 and
# 0.22803, 0.22145, 0.216989 of 255): the same numbers. Order RGB.
KINETICS_MEAN = (110.2008, 100.63983, 95.99475)
KINETICS_STD = (58.14765, 56.46975, 55.332195)


@dataclasses.dataclass(frozen=True)
class InputContract:
    """What goes into one input of a network.

    Attributes:
        modality: Name of the input.
        shape: Without the batch axis.
        axes: What each axis of `shape` is.
        values: Unit and range of the values that go in.
        inside: What the network itself does to them first.
        sampling: How the clip or the patch is cut out of a file.
        source: Where this is known from.

    Example:
        >>> from gblend_keras.converters import InputContract
        >>> contract = InputContract(
        ...     modality="audio",
        ...     shape=(100, 40, 1),
        ...     axes=("frames", "mel bins", "channels"),
        ...     values="log-mel energies of VMZ",
        ...     inside="nothing",
        ...     sampling="the second around the clip",
        ...     source="VMZ",
        ... )
        >>> contract.to_json()["shape"]
        (100, 40, 1)
    """

    modality: str
    shape: tuple[int | None, ...]
    axes: tuple[str, ...]
    values: str
    inside: str
    sampling: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """Returns the contract as JSON knows it."""
        return dataclasses.asdict(self)


def rgb_contract(
    shape: tuple[int | None, ...], sampling: str, source: str
) -> InputContract:
    """Returns the contract of a clip of RGB frames."""
    return InputContract(
        modality="rgb",
        shape=shape,
        axes=("frames", "height", "width", "channels"),
        values="0 to 255, in the order red, green, blue; not normalised",
        inside=f"(x - {list(KINETICS_MEAN)}) / {list(KINETICS_STD)}",
        sampling=sampling,
        source=source,
    )


def flow_contract(shape: tuple[int | None, ...], source: str) -> InputContract:
    """Returns the contract of a clip of optical flow."""
    return InputContract(
        modality="flow",
        shape=shape,
        axes=("frames", "height", "width", "channels"),
        values="flow normalised as in the training of the checkpoint; the "
        "file does not tell how",
        inside="nothing",
        sampling="not known",
        source=source,
    )


def audio_contract(shape: tuple[int | None, ...]) -> InputContract:
    """Returns the contract of VMZ's log-mel patches."""
    return InputContract(
        modality="audio",
        shape=shape,
        axes=("frames", "mel_bins", "channels"),
        values="log-mel energies: mono, 16 kHz, Hann window of 16 ms every "
        "10 ms, FFT of 256, power spectrum, 40 triangular filters from 0 to "
        "8 kHz that each sum to 1 (mel = 1127 ln(1 + f / 700)), energy times "
        "1080674186.348, then ln(x) where x > e and x / e elsewhere",
        inside="nothing",
        sampling="the patch spans exactly the clip: the log-mel rows of the "
        "whole file are resized in time so that the clip covers 100 rows",
        source="VMZ, ops/LogMels.cc and ops/av_input_op.h",
    )
