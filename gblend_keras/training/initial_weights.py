"""Towers that start from a trained network: fine-tuning."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from gblend_keras import config
from gblend_keras import zoo
from gblend_keras.blending.model import BlendedModel
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.heads import JOINT
from gblend_keras.methods import base
from gblend_keras.runs import directory
from gblend_keras.runs import loader
from gblend_keras.training import _layer_matching
from gblend_keras.utils import files

REPORT = "initialised.json"
# Towers of these kinds bring weights of their own to start from.
PRETRAINED_KINDS = ("application", "hub")


class _Source(NamedTuple):
    """Where one part comes from: whose, in which model, called what."""

    model: BlendedModel
    label: str
    modality: str

    def __str__(self) -> str:
        return f"{self.label} ({self.modality})"


def initialize(
    model: BlendedModel, source: Any, *, take_standardization: bool = False
) -> list[_layer_matching.Part]:
    """Gives a model the weights of trained towers, to fine-tune it.

    A layer's weights are taken when the source has a layer of that name in
    the same part of the network, with weights of the same shapes; where some
    name is unknown there, layers are taken in order if all of them fit. Heads
    start anew where they do not fit, as with another number of classes.
    Nothing is changed unless every tower that was asked for fits.

    Source: Wang, Tran & Feiszli, CVPR 2020, the pre-training baseline.
    Ours: standardisation layers keep the statistics of the data that the
    model was built for, which may come in another unit; a tower then sees
    what it saw in training, mean 0 and deviation 1.

    Args:
        model: The model to change.
        source: A name of the zoo, a run directory, a `.keras` file or a
            `BlendedModel`, for all modalities and the joint head. Or
            `{modality: source}`, where a source may be
            `(source, its modality)`: the joint head and modalities that are
            not named start anew then.
        take_standardization: Take the statistics, too: for data in the unit
            that the source was trained on. The optimizer starts anew then.

    Returns:
        What was taken, part by part; see `describe`.

    Raises:
        ValueError: If a source cannot be loaded or has no such modality, or
            no layer of a tower fits.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> model = gb.building.build_model(recipe, splits)
        >>> parts = gb.initialize(model, {"image": "digits_online"})
        >>> print(gb.training.describe(parts[:1]))
        image tower: 6 layers taken from digits_online (image).
          standardisation keeps the statistics of this data.
    """
    sources = _sources(model, source)
    joint = None if isinstance(source, Mapping) else [*sources.values()][0]
    comparison = _layer_matching.Comparison(take_standardization)
    parts = []
    for modality in model.network.input:
        origin = sources.get(modality)
        parts.append(_tower_part(model, modality, origin, comparison))
        if modality in model.network.output:
            parts.append(_head_part(model, modality, origin, comparison))
    parts.append(_joint_part(model, joint, comparison))
    comparison.copy()
    if take_standardization:
        # Compiled functions hold old statistics as constants.
        if model.compiled:
            model.compile_from_config(model.get_compile_config())
        model.train_function = None
        model.test_function = None
        model.predict_function = None
    return parts


def load_trained(source: str | Path) -> BlendedModel:
    """Loads a run directory, a `.keras` file, or an entry of the zoo.

    Raises:
        ValueError: If there is nothing of this name, or it cannot be loaded.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.training.load_trained("digits_online")
        >>> list(model.network.input)
        ['image', 'sound']
    """
    is_name = str(source).isidentifier() and not Path(source).exists()
    if not is_name:
        return loader.load_model(source)
    model: BlendedModel = zoo.load(str(source))
    return model


def describe(parts: Sequence[_layer_matching.Part]) -> str:
    """Returns what was taken and what not as text, some lines a part.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> model = gb.building.build_model(recipe, splits)
        >>> parts = gb.initialize(model, "digits_online")
        >>> print(gb.training.describe(parts))
        image tower: 6 layers taken from digits_online (image).
          standardisation keeps the statistics of this data.
        image head: 1 layers taken from digits_online (image).
        sound tower: 8 layers taken from digits_online (sound).
          standardisation keeps the statistics of this data.
        sound head: 1 layers taken from digits_online (sound).
        joint head: 3 layers taken from digits_online (joint).
    """
    lines = []
    for part in parts:
        if not part.source:
            lines.append(f"{part.name}: starts anew.")
            continue
        count = len(part.taken)
        taken = "no layer" if not count else f"{count} layers"
        lines.append(f"{part.name}: {taken} taken from {part.source}.")
        lines += [
            f"  {name} keeps the statistics of this data." for name in part.kept
        ]
        lines += [f"  {reason}" for reason in part.different]
    return "\n".join(lines)


def parse(text: str) -> str | dict[str, tuple[str, str]]:
    """Reads what `--init_from` says.

    Args:
        text: One source for all, or `rgb:SOURCE,audio:SOURCE`, where
            `depth:SOURCE:rgb` takes the tower of another modality.

    Returns:
        The source, or `{modality: (source, its modality)}`.

    Raises:
        ValueError: If it is neither.
    """
    if ":" not in text and "," not in text and text.strip():
        return text.strip()
    found: dict[str, tuple[str, str]] = {}
    for entry in text.split(","):
        modality, *rest = (each.strip() for each in entry.split(":"))
        if not all((modality, *rest)) or len(rest) not in (1, 2):
            raise ValueError(
                "`init_from` cannot be read. Expected a name or run "
                "directory, or MODALITY:SOURCE,MODALITY:SOURCE. "
                f"Received: {text!r}. Write rgb:runs/a,audio:runs/b, say."
            )
        if modality in found:
            raise ValueError(
                "`init_from` names a modality twice. Expected one source for "
                f"each. Received: {text!r}. Remove one."
            )
        found[modality] = (rest[0], rest[-1] if len(rest) == 2 else modality)
    return found


def start(ready: base.ReadyRun, init_from: str) -> None:
    """Lets a run start from trained weights, if it is to.

    Writes `initialised.json` into the run directory. A run that goes on from
    a checkpoint of its own no longer needs its source.

    Args:
        ready: What is trained.
        init_from: What `parse` reads; "" for nothing.

    Raises:
        ValueError: If `initialize` refuses, or a tower is to be frozen that
            no trained weights are given to.
    """
    source = parse(init_from) if init_from else {}
    if run_checkpoint.saved_epochs(ready.workdir / directory.CHECKPOINTS):
        return
    parts = initialize(ready.model, source) if source else []
    _check_frozen(ready.recipe, parts)
    if not parts:
        return
    files.write_json(
        ready.workdir / REPORT,
        {
            "init_from": init_from,
            "parts": [dataclasses.asdict(part) for part in parts],
        },
    )
    if ready.verbose:
        print(describe(parts))


def _check_frozen(
    recipe: config.Recipe, parts: Sequence[_layer_matching.Part]
) -> None:
    """Raises if a frozen tower has a layer with random weights."""
    found = {part.name: part for part in parts}
    for modality, tower in recipe.towers.items():
        if not tower.frozen or tower.kind in PRETRAINED_KINDS:
            continue
        part = found.get(f"{modality} tower", _layer_matching.Part(modality))
        if not part.source or part.different:
            missing = ", ".join(part.different) or "nothing was taken"
            raise ValueError(
                f"`towers.{modality}.frozen` would freeze random weights. "
                "Expected a tower that starts from trained ones. "
                f"Received: {missing}. "
                f"Add --init_from={modality}:RUN_DIR, or train the tower."
            )


def _sources(model: BlendedModel, source: Any) -> dict[str, _Source]:
    """Loads what is named: `{modality: where its tower comes from}`."""
    names = list(model.network.input)
    if not isinstance(source, Mapping):
        trained, label = _load(source)
        common = [name for name in names if name in trained.network.input]
        if not common:
            raise ValueError(
                f"`source` has none of the modalities: {label}. Expected "
                f"some of {names}. Received: {list(trained.network.input)}. "
                "Say which is which: {modality: (source, its modality)}, or "
                "--init_from=MODALITY:SOURCE:ITS_MODALITY."
            )
        return {name: _Source(trained, label, name) for name in common}
    unknown = [name for name in source if name not in names]
    if unknown or not source:
        raise ValueError(
            "`source` does not name the model's modalities. Expected some of "
            f"{names}. Received: {list(source)}. Correct the names."
        )
    return {name: _source(name, value) for name, value in source.items()}


def _source(modality: str, value: Any) -> _Source:
    place, theirs = value if isinstance(value, tuple) else (value, modality)
    trained, label = _load(place)
    if theirs not in trained.network.input:
        raise ValueError(
            f"`source` lacks a modality: {label}. Expected one of "
            f"{list(trained.network.input)}. Received: {theirs!r}. "
            "Give its name there: {modality: (source, its modality)}, or "
            "--init_from=MODALITY:SOURCE:ITS_MODALITY."
        )
    return _Source(trained, label, theirs)


def _load(source: Any) -> tuple[BlendedModel, str]:
    if isinstance(source, BlendedModel):
        return source, source.name
    return load_trained(source), str(source)


def _tower_part(
    model: BlendedModel,
    modality: str,
    origin: _Source | None,
    comparison: _layer_matching.Comparison,
) -> _layer_matching.Part:
    name = f"{modality} tower"
    if origin is None:
        return _layer_matching.Part(name)
    theirs = _layer_matching.tower_layers(origin.model.network, origin.modality)
    mine = _layer_matching.tower_layers(model.network, modality)
    part = comparison.part(name, mine, theirs, str(origin))
    if part.different and not part.taken:
        raise ValueError(
            f"No layer of the tower of '{modality}' fits. Expected the same "
            f"kind of tower in {part.source}. Received: "
            f"{'; '.join(part.different)}. "
            f"Set towers.{modality}.* as they were there, or leave the tower "
            "out."
        )
    return part


def _head_part(
    model: BlendedModel,
    modality: str,
    origin: _Source | None,
    comparison: _layer_matching.Comparison,
) -> _layer_matching.Part:
    name = f"{modality} head"
    if origin is None:
        return _layer_matching.Part(name)
    theirs = _layer_matching.head_layers(
        origin.model.network, f"{origin.modality}_head"
    )
    theirs = [each._replace(name=f"{modality}_head") for each in theirs]
    mine = _layer_matching.head_layers(model.network, f"{modality}_head")
    return comparison.part(name, mine, theirs, str(origin))


def _joint_part(
    model: BlendedModel,
    origin: _Source | None,
    comparison: _layer_matching.Comparison,
) -> _layer_matching.Part:
    """Compares all that belongs to no modality: fusion and joint head."""
    name = f"{JOINT} head"
    if origin is None:
        return _layer_matching.Part(name)
    mine = _layer_matching.common_layers(model.network)
    theirs = _layer_matching.common_layers(origin.model.network)
    return comparison.part(name, mine, theirs, f"{origin.label} ({JOINT})")
