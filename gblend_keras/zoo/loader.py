"""An entry of the zoo -> a network."""

import dataclasses
from typing import Any

import keras
import numpy as np

from gblend_keras import config
from gblend_keras import methods
from gblend_keras.answers import calibration
from gblend_keras.building import model_builder
from gblend_keras.building import optimizer_builder
from gblend_keras.converters import converter
from gblend_keras.data import example_set
from gblend_keras.heads import JOINT
from gblend_keras.runs import loader
from gblend_keras.towers import hub_media
from gblend_keras.zoo import _fetcher
from gblend_keras.zoo import _weights
from gblend_keras.zoo import catalog
from gblend_keras.zoo import model as zoo_model


def load(entry: catalog.Entry, *, head: str | None = None) -> Any:
    """Loads an entry, or what one head of it needs; see `zoo.load`."""
    if entry.kind == "hub":
        raise ValueError(
            f"{entry.name} is a tower without a classifier of yours. Expected "
            f"an entry with heads. Received: name={entry.name!r}. "
            f"Use gb.zoo.tower({entry.name!r}, {next(iter(entry.inputs))!r})."
        )
    if head is not None:
        _check_trained(entry, head)
        return _one_head(entry, _network(entry), head)
    network = _network(entry)
    if JOINT not in network.output:
        # One modality: its only head's answer is the joint one, too.
        ((only, logits),) = network.output.items()
        joint = keras.layers.Identity(name=f"{JOINT}_head")(logits)
        network = keras.Model(
            network.input, {only: logits, JOINT: joint}, name=network.name
        )
    model = _model(entry, network)
    settings = config.TrainConfig()
    if entry.kind == "trained":
        settings = catalog.recipe(entry).train
        measured = catalog.metrics(entry)
        model.assign_blend_weights(measured["blend_weights"])
        # None in entries of earlier versions.
        calibration.assign(model, measured.get("pool", []))
    model.compile(
        optimizer=optimizer_builder.make_optimizer(settings),
        metrics=["accuracy"],
        loss_scale=settings.compiled_scale,
    )
    return model


def tower(
    entry: catalog.Entry,
    modality: str,
    *,
    trainable: bool = True,
    new_name: str = "",
) -> keras.Model:
    """Loads one tower; see `zoo.tower`."""
    if modality not in entry.inputs:
        raise ValueError(
            f"`modality` is not in {entry.name}. Expected one of "
            f"{list(entry.inputs)}. Received: modality={modality!r}. "
            "Choose one of them."
        )
    name = new_name or f"{modality}_tower"
    if entry.hub is not None:
        imported = _fetcher.imported_model(entry)
        options = dataclasses.asdict(entry.hub)
        if imported is not None:
            options["handle"] = str(imported)
        return hub_media.build_hub_media(
            entry.inputs[modality].shape, name=name, **options
        )
    network = _network(entry)
    (found,) = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.Model) and layer.name == f"{modality}_tower"
    ] or [None]
    if found is None:
        raise ValueError(
            f"{entry.name} has no tower of its own for '{modality}'. Expected "
            "a network whose towers do not exchange features. Received: a "
            "mid-level fusion. Load the whole network."
        )
    if not trainable:
        found.trainable = False
    if name != found.name:
        found.name = name
    return found


def load_run(entry: catalog.Entry) -> loader.FinishedRun:
    """Loads a trained entry as a run."""
    training = catalog.training(entry)
    return loader.FinishedRun(
        recipe=catalog.recipe(entry),
        model=load(entry),
        class_names=entry.class_names,
        seed=int(training["seed"]),
    )


def build_trained(
    recipe: config.Recipe, blend: str, entry: catalog.Entry
) -> keras.Model:
    """Builds the network of a recipe, untrained, from shapes alone.

    The means of the training set, which normalise inputs, come with the
    weights.
    """
    shapes = {name: each.shape for name, each in entry.inputs.items()}
    method = methods.get(blend, modalities=list(shapes), options=recipe.methods)
    x = {
        name: np.zeros((1, *sizes(shape)), np.float32)
        for name, shape in shapes.items()
    }
    multi_hot = (1, entry.num_classes)
    y = np.zeros(multi_hot if entry.multi_label else 1, np.int64)
    nothing = example_set.Examples(x=x, y=y)
    names = entry.class_names or ("",) * entry.num_classes
    built = model_builder.build_model(
        method.adapt(recipe),
        example_set.Splits(train=nothing, test=nothing, class_names=names),
    )
    network: keras.Model = built.network
    return network


def sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Returns a shape whose open sizes are 1."""
    return tuple(1 if size is None else size for size in shape)


def _network(entry: catalog.Entry) -> keras.Model:
    path = _fetcher.weights_path(entry)
    if entry.kind == "imported":
        return converter.load_converted(path)
    training = catalog.training(entry)
    network = build_trained(
        config.Recipe.from_json(training["recipe"]), training["blend"], entry
    )
    _weights.load(network, path)
    return network


def _model(entry: catalog.Entry, network: keras.Model) -> zoo_model.ZooModel:
    clips = None if entry.clips is None else dataclasses.asdict(entry.clips)
    names = entry.class_names
    if entry.kind == "imported":
        names = _fetcher.imported_class_names(entry)
    return zoo_model.ZooModel(
        network,
        multi_label=entry.multi_label,
        class_names=names,
        inputs_about={name: each.values for name, each in entry.inputs.items()},
        clips=clips,
        raw_pixels=entry.kind == "imported",
        name=entry.name,
    )


def _one_head(
    entry: catalog.Entry, network: keras.Model, head: str
) -> keras.Model:
    if head not in network.output:
        raise ValueError(
            f"`head` is not in {entry.name}. Expected one of "
            f"{list(network.output)}. Received: head={head!r}. "
            "Choose one of them."
        )
    inputs = network.input
    if head != JOINT:
        inputs = {head: inputs[head]}
    try:
        return keras.Model(
            inputs, {head: network.output[head]}, name=f"{entry.name}_{head}"
        )
    except ValueError as error:
        raise ValueError(
            f"`head` {head!r} of {entry.name} reads other modalities too. "
            "Expected a head with a tower of its own. Received: a network "
            "whose towers exchange features. Load the whole network."
        ) from error


def _check_trained(entry: catalog.Entry, head: str) -> None:
    if entry.kind != "trained":
        return
    trained = catalog.metrics(entry)["trained_heads"]
    if head in (*entry.inputs, JOINT) and head not in trained:
        raise ValueError(
            f"`head` {head!r} of {entry.name} was never trained. Expected one "
            f"of {trained}. Received: head={head!r}. Choose another entry."
        )
