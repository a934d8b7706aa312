"""A public checkpoint -> a Keras network and its input contract."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gblend_keras.converters import _reader
from gblend_keras.converters import _tensors
from gblend_keras.converters import detection
from gblend_keras.converters import networks
from gblend_keras.utils import files

SUFFIXES = (".weights.h5", ".keras")
CONTRACT_SUFFIX = ".contract.json"
_COUNTER = ".num_batches_tracked"  # PyTorch counts steps; nothing uses it
# VMZ's multi-label nets scale and shift each logit; `_fold` puts that inside.
_SCALE, _SHIFT = "pred_logit_w", "pred_logit_b"


@dataclasses.dataclass(frozen=True)
class Pair:
    """One tensor and where it goes.

    Attributes:
        source: Name in the checkpoint.
        source_shape: Its shape there.
        target: Path of our weight.
        target_shape: Its shape here.
    """

    source: str
    source_shape: tuple[int, ...]
    target: str
    target_shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Report:
    """What a conversion did, or would do.

    Attributes:
        pairs: Every weight of the network, and the tensor it gets.
        folded: Tensors whose effect went into other weights.
        counters: Step counters of PyTorch, which no inference uses.
        unused: Tensors that fit nowhere.
        others: Entries of the file that are not tensors.
        plan: The network.

    Example:
        >>> from gblend_keras.converters import Report
        >>> from gblend_keras.converters import networks
        >>> report = Report(
        ...     pairs=(),
        ...     folded=(),
        ...     counters=("bn1.num_batches_tracked",),
        ...     unused=("fc.bias",),
        ...     others=(),
        ...     plan=networks.NetworkPlan({}, ("joint",), num_classes=400),
        ... )
        >>> print(report.summary())
        used: 0
        folded: 0
        counters: 1
        unused: 1 fc.bias
        others: 0
    """

    pairs: tuple[Pair, ...]
    folded: tuple[str, ...]
    counters: tuple[str, ...]
    unused: tuple[str, ...]
    others: tuple[str, ...]
    plan: networks.NetworkPlan

    def summary(self) -> str:
        """Returns the counts, and the names of what is not used."""
        lines = [f"used: {len(self.pairs)}"]
        for title in ("folded", "counters", "unused", "others"):
            names = getattr(self, title)
            listed = "" if title == "counters" else " ".join(names)
            lines.append(f"{title}: {len(names)} {listed}".rstrip())
        return "\n".join(lines)

    def __str__(self) -> str:
        lines = [
            f"{pair.source} {pair.source_shape} -> "
            f"{pair.target} {pair.target_shape}"
            for pair in self.pairs
        ]
        lines += [f"{name} -> a step counter" for name in self.counters]
        return "\n".join((*lines, self.summary()))


def convert_checkpoint(
    source: str,
    input: str | os.PathLike[str],
    output: str | os.PathLike[str] | None,
    *,
    dry_run: bool = False,
    choices: detection.Choices | None = None,
) -> Report:
    """Converts a public checkpoint to a Keras network.

    Beside `output` appears `<output>.contract.json`: the network's plan and
    what it expects of its inputs. RGB towers normalise pixels themselves, so
    that 0 to 255 goes in whatever the source did.

    Args:
        source: "vmz", "ig65m" (VMZ's networks in PyTorch), "torchvision" or
            "mmaction2".
        input: The checkpoint: a VMZ `.pkl`, a `.pth` or a `.safetensors`.
        output: A path that ends in `.weights.h5` or `.keras`. None only with
            `dry_run`.
        dry_run: Map names and shapes, read no values and write nothing.
        choices: Clip and stem; None takes the usual ones of the source.

    Returns:
        The report. Every tensor of the checkpoint stands in it exactly once.

    Raises:
        ValueError: If the folder of `output` cannot be written, the
            checkpoint is not of this source, a weight of the
            network is missing in it, a shape differs, or a value is not
            finite.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.entry("torchvision_r3d_18_kinetics").checkpoint.address
        'https://download.pytorch.org/models/r3d_18-b3b3357e.pth'
        >>> report = gb.convert_checkpoint(  # doctest: +SKIP
        ...     "torchvision", "r3d_18.pth", "r3d.weights.h5"
        ... )
        >>> print(report.summary())  # doctest: +SKIP
    """
    target = None if output is None else Path(output)
    if not dry_run and not str(target).endswith(SUFFIXES):
        raise ValueError(
            "`output` has another ending. Expected one of "
            f"{', '.join(SUFFIXES)}. Received: output={output}. Rename it."
        )
    if target is not None and not dry_run:
        files.check_writable(target.parent, argument="output")
    contents, folded = _fold(_reader.read_checkpoint(Path(input)))
    recognized = detection.recognize(
        source, contents, choices or detection.Choices()
    )
    network = networks.build_network(recognized.plan)
    pairs = _pairs(networks.weight_paths(network), contents, recognized)
    if target is not None and not dry_run:
        _assign(network, pairs, contents)
        _write(network, target, recognized)
    used = {pair.source for pair in pairs}
    left = [name for name in contents.tensors if name not in used]
    return Report(
        pairs=pairs,
        folded=folded,
        counters=tuple(name for name in left if name.endswith(_COUNTER)),
        unused=tuple(name for name in left if not name.endswith(_COUNTER)),
        others=contents.others,
        plan=recognized.plan,
    )


def load_converted(
    path: str | os.PathLike[str],
    input_shapes: Mapping[str, tuple[int | None, ...]] | None = None,
) -> keras.Model:
    """Builds a converted network and loads its weights.

    Args:
        path: What `convert_checkpoint` wrote, of either ending.
        input_shapes: `{modality: shape}` for other clips than the contract's;
            sizes but the last may be None.

    Returns:
        A functional model `{modality: input} -> {head: logits}`.

    Raises:
        ValueError: If the contract beside the file is missing.

    Example:
        >>> import gblend_keras as gb
        >>> gb.zoo.entry("torchvision_r3d_18_kinetics").inputs["rgb"].shape
        (16, 112, 112, 3)
        >>> network = gb.load_converted(  # doctest: +SKIP
        ...     "r3d.weights.h5", input_shapes={"rgb": (8, 112, 112, 3)}
        ... )
    """
    file = Path(path)
    beside = contract_path(file)
    if not beside.is_file():
        raise ValueError(
            f"{beside} is not there. Expected the contract beside {file.name}. "
            "Received: a path without a file. Convert the checkpoint again."
        )
    described = json.loads(beside.read_text(encoding="utf-8"))
    plan = networks.from_json(described["network"])
    if input_shapes:
        towers = {
            modality: dataclasses.replace(
                tower, input_shape=input_shapes.get(modality, tower.input_shape)
            )
            for modality, tower in plan.towers.items()
        }
        plan = dataclasses.replace(plan, towers=towers)
    network = networks.build_network(plan)
    if str(file).endswith(SUFFIXES[0]):
        network.load_weights(file)
    else:
        saved = keras.saving.load_model(file, compile=False)
        network.set_weights(saved.get_weights())
    return network


def contract_path(path: Path) -> Path:
    """Returns where the contract of a converted network stands."""
    return path.with_name(path.name + CONTRACT_SUFFIX)


def _fold(
    contents: _tensors.Contents,
) -> tuple[_tensors.Contents, tuple[str, ...]]:
    """Puts VMZ's scale and shift of each logit into the head before them.

    `scale * (W x + b) + shift = (scale W) x + (scale b + shift)`.
    """
    found = dict(contents.tensors)
    if _SCALE not in found or _SHIFT not in found:
        return contents, ()
    scale, shift = found.pop(_SCALE), found.pop(_SHIFT)
    (name,) = [name for name in found if name.startswith("last_out_L")
               and name.endswith("_w")]  # fmt: skip
    bias_name = f"{name.removesuffix('_w')}_b"
    kernel, bias = found[name], found[bias_name]
    found[name] = _tensors.Tensor(
        kernel.shape,
        lambda: (
            kernel.read()
            * np.reshape(scale.read(), (-1,) + (1,) * (len(kernel.shape) - 1))
        ),
    )
    found[bias_name] = _tensors.Tensor(
        bias.shape, lambda: bias.read() * scale.read() + shift.read()
    )
    return _tensors.Contents(found, contents.others), (_SCALE, _SHIFT)


def _pairs(
    weights: Mapping[str, Any],
    contents: _tensors.Contents,
    recognized: detection.Recognized,
) -> tuple[Pair, ...]:
    """Pairs each weight with its tensor; raises if one is missing or unlike."""
    wrong, pairs = [], []
    for path, variable in weights.items():
        name = recognized.name(path)
        if name not in contents.tensors:
            wrong.append(f"{name} for {path} is missing")
            continue
        shape = contents.tensors[name].shape
        expected = tuple(variable.shape)
        # Axes as Keras has them: outputs last.
        if len(shape) > 3:
            here = (*shape[2:], shape[1], shape[0])
        else:
            here = tuple(reversed(shape))
        if here != expected:
            wrong.append(f"{name} {shape} does not fit {path} {expected}")
        pairs.append(Pair(name, shape, path, expected))
    names = [pair.source for pair in pairs]
    wrong += [f"{n} is used twice" for n in set(names) if names.count(n) > 1]
    if wrong:
        raise ValueError(
            f"The checkpoint does not fit its network. Expected all of "
            f"{len(weights)} weights. Received: {len(wrong)} faults: "
            f"{'; '.join(wrong[:10])}. Check `source` and `choices`."
        )
    return tuple(pairs)


def _assign(
    network: keras.Model, pairs: tuple[Pair, ...], contents: _tensors.Contents
) -> None:
    weights = networks.weight_paths(network)
    for pair in pairs:
        values = contents.tensors[pair.source].read()
        if not np.isfinite(values).all():
            raise ValueError(
                f"{pair.source} has values that are NaN or infinite. Expected "
                f"finite numbers. Received: shape={pair.source_shape}. "
                "Download the checkpoint again."
            )
        # Axes as Keras has them: outputs last.
        if values.ndim > 3:
            here = np.moveaxis(values, (0, 1), (-1, -2))
        else:
            here = values.T
        weights[pair.target].assign(here.astype("float32"))


def _write(
    network: keras.Model, path: Path, recognized: detection.Recognized
) -> None:
    """Writes the contract, then the network: a network never lacks one."""
    files.write_json(
        contract_path(path),
        {
            "network": recognized.plan.to_json(),
            "inputs": [entry.to_json() for entry in recognized.contracts],
        },
    )
    weights_only = str(path).endswith(SUFFIXES[0])
    suffix = SUFFIXES[0] if weights_only else None  # Keras looks at it
    with files.replacing(path, suffix=suffix) as beside:
        if weights_only:
            network.save_weights(beside)
        else:
            network.save(beside)
