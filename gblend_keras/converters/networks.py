"""Networks of the public checkpoints: told from a file, and built."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from gblend_keras.converters import contract
from gblend_keras.fusion import network
from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import residual
from gblend_keras.towers import resnet3d


@dataclasses.dataclass(frozen=True)
class TowerPlan:
    """One tower of a checkpoint.

    Attributes:
        kind: "r3d", "mc3", "r2plus1d", "ip_csn", "ir_csn" or "audio".
        depth: 18, 34, 50, 101 or 152.
        input_shape: Without the batch axis.
        pool1: Whether the stem of a clip tower pools.
        block_middle: See `build_r2plus1d`.
        norm_epsilon: Of every batch norm.
        normalized: Whether the tower normalises RGB pixels itself.
    """

    kind: str
    depth: int
    input_shape: tuple[int | None, ...]
    pool1: bool = False
    block_middle: bool = False
    norm_epsilon: float = residual.VMZ_EPSILON
    normalized: bool = False


@dataclasses.dataclass(frozen=True)
class NetworkPlan:
    """All of a network that stands in a checkpoint.

    Attributes:
        towers: `{modality: plan}`, in the order of concatenation.
        heads: Names of the heads that the checkpoint has.
        num_classes: Outputs of each head.
    """

    towers: dict[str, TowerPlan]
    heads: tuple[str, ...]
    num_classes: int

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as JSON knows it."""
        return dataclasses.asdict(self)


def from_json(value: Mapping[str, Any]) -> NetworkPlan:
    """Returns the plan that `NetworkPlan.to_json` wrote."""
    towers = {}
    for modality, written in value["towers"].items():
        plan = {**written, "input_shape": tuple(written["input_shape"])}
        if "normalised" in plan:  # its name in files of earlier versions
            plan["normalized"] = plan.pop("normalised")
        towers[modality] = TowerPlan(**plan)
    return NetworkPlan(towers, tuple(value["heads"]), value["num_classes"])


def build_network(plan: NetworkPlan) -> keras.Model:
    """Builds a checkpoint's network, `{modality: input} -> {head: logits}`.

    The layers have the names that late fusion gives them: `<modality>_tower`,
    `<modality>_head`, `joint_hidden_1`, `joint_hidden_2` and `joint_head`. A
    head that the checkpoint lacks is left out.

    Source: Wang et al., CVPR 2020, section 3.1 and Figure 2c.
    """
    towers = {
        modality: build_tower(tower_plan, name=f"{modality}_tower")
        for modality, tower_plan in plan.towers.items()
    }
    fused = network.late_fusion(towers, plan.num_classes)
    logits = {head: fused.output[head] for head in plan.heads}
    return keras.Model(fused.input, logits, name="network")


def build_tower(plan: TowerPlan, *, name: str) -> keras.Model:
    """Builds one tower of a checkpoint."""
    shape: Any = plan.input_shape
    options: dict[str, Any] = {
        "norm_epsilon": plan.norm_epsilon,
        "name": name,
    }
    if plan.kind == "audio":
        return audio_resnet.build_audio_resnet(shape, plan.depth, **options)
    if plan.normalized:
        options["preprocessing"] = pixel_normalization()
    if plan.kind == "mc3":
        return resnet3d.build_mc3(shape, **options)
    options["pool1"] = plan.pool1
    if plan.kind == "r3d":
        return resnet3d.build_resnet3d(shape, plan.depth, **options)
    if plan.kind == "r2plus1d":
        return r2plus1d.build_r2plus1d(
            shape,
            plan.depth,
            block_middle=plan.block_middle,
            **options,
        )
    mode = plan.kind.removesuffix("_csn")
    return csn.build_csn(shape, plan.depth, mode=mode, **options)


def weight_paths(model: keras.Model) -> dict[str, Any]:
    """Returns `{path: variable}`, also for a network that was loaded.

    A path is `<tower>/<layer>/<variable>` or `<layer>/<variable>`. (The `path`
    of a variable itself loses the tower's name when a file is loaded.)
    """
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            for path, variable in weight_paths(layer).items():
                found[f"{layer.name}/{path}"] = variable
        else:
            for variable in layer.variables:
                found[f"{layer.name}/{variable.name}"] = variable
    return found


def pixel_normalization() -> keras.layers.Layer:
    """Returns the layer that normalises RGB pixels from 0 to 255."""
    pairs = list(
        zip(contract.KINETICS_MEAN, contract.KINETICS_STD, strict=True)
    )
    return keras.layers.Rescaling(
        scale=[1 / std for _, std in pairs],
        offset=[-mean / std for mean, std in pairs],
        dtype="float32",  # float16 has 3 digits, pixels need more
        name="normalise",
    )
