"""Which network a public checkpoint is of, told by its names and shapes."""

import dataclasses
import re
from collections.abc import Collection
from collections.abc import Mapping

from gblend_keras.converters import _tensors
from gblend_keras.converters import _weight_names
from gblend_keras.converters import contract
from gblend_keras.converters import networks
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import residual

SOURCES = ("vmz", "ig65m", "torchvision", "mmaction2")
TORCHVISION_EPSILON = 1e-5
LARGE_CROP = 200  # VMZ pools in the stem of crops of 224, not of 112

_AUDIO_SHAPE = (100, 40, 1)
_CLIPS = {  # source, whether it is a CSN: frames, height, width
    ("vmz", False): (32, 112, 112),
    ("vmz", True): (32, 224, 224),
    ("ig65m", False): (32, 112, 112),
    ("ig65m", True): (32, 224, 224),
    ("torchvision", False): (16, 112, 112),
    ("mmaction2", True): (32, 224, 224),
}
_AUDIO_VISUAL_CLIP = (16, 224, 224)  # of the AudioSet net, which is no CSN
_LAST_OUT = re.compile(r"(v_|a_|)last_out_L(\d+)_w")

Shapes = Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a checkpoint does not tell; None takes what is usual.

    Attributes:
        clip: Frames, height and width of the clips.
        pool1: Whether the stem pools.
    """

    clip: tuple[int, int, int] | None = None
    pool1: bool | None = None


@dataclasses.dataclass(frozen=True)
class Recognized:
    """What `recognize` found.

    Attributes:
        plan: The network.
        name: Gives the source's name of each of our weights.
        contracts: One an input.
    """

    plan: networks.NetworkPlan
    name: _weight_names.Name
    contracts: tuple[contract.InputContract, ...]


def recognize(
    source: str, contents: _tensors.Contents, choices: Choices
) -> Recognized:
    """Tells which network a checkpoint is of.

    Args:
        source: One of `SOURCES`.
        contents: The checkpoint.
        choices: What it does not tell.

    Raises:
        ValueError: If the source is unknown, or the names are not its.
    """
    readers = {
        "vmz": _caffe2,
        "ig65m": _torch,
        "torchvision": _torch,
        "mmaction2": _mmaction,
    }
    if source not in readers:
        raise ValueError(
            f"`source` is unknown. Expected one of {', '.join(SOURCES)}. "
            f"Received: source={source}. Choose one of these."
        )
    shapes = {name: entry.shape for name, entry in contents.tensors.items()}
    try:
        return readers[source](source, shapes, choices)
    except (KeyError, IndexError, StopIteration) as error:
        raise ValueError(
            f"The checkpoint is not of the source '{source}'. Expected its "
            f"names of layers. Received: {sorted(shapes)[:4]} ... "
            f"(missing: {error}). Choose another `source`."
        ) from error


def _caffe2(source: str, shapes: Shapes, choices: Choices) -> Recognized:
    heads = [match for match in map(_LAST_OUT.fullmatch, shapes) if match]
    num_classes = int(heads[0][2])
    prefixes = {m[1] for m in heads}
    both = any(name.startswith("v_conv1") for name in shapes)
    towers: dict[str, networks.TowerPlan] = {}
    if both:
        towers["rgb"] = _caffe2_clip(source, shapes, "v_", choices, both=True)
        towers["audio"] = _caffe2_audio(shapes, "a_")
    elif "conv1_b" in shapes:
        towers["audio"] = _caffe2_audio(shapes, "")
    else:
        plan = _caffe2_clip(source, shapes, "", choices, both=False)
        towers[_modality(plan)] = plan
    names = {"v_": "rgb", "a_": "audio", "": "joint"}
    found = tuple(head for p, head in names.items() if p in prefixes)
    return Recognized(
        networks.NetworkPlan(
            towers, found if both else tuple(towers), num_classes
        ),
        _weight_names.caffe2_names(
            {modality: tower.kind for modality, tower in towers.items()},
            {
                modality: residual.STAGE_SIZES[tower.depth]
                for modality, tower in towers.items()
            },
            num_classes,
        ),
        _contracts(source, towers),
    )


def _caffe2_clip(
    source: str, shapes: Shapes, prefix: str, choices: Choices, *, both: bool
) -> networks.TowerPlan:
    first = f"{prefix}comp_0_conv_"
    if f"{prefix}conv1_middle_w" in shapes:
        kind, stem = "r2plus1d", f"{prefix}conv1_middle_w"
    else:
        stem = f"{prefix}conv1_w"
        if f"{first}2_middle_w" in shapes:
            kind = "ip_csn"
        elif f"{first}4_w" in shapes:
            kind = "ir_csn"
        else:
            kind = "r3d"
    num_blocks = len(_indices(shapes, rf"{prefix}comp_(\d+)_conv_1_w"))
    bottlenecks = f"{first}3_w" in shapes
    usual = _CLIPS[source, kind.endswith("csn")]
    if both and not kind.endswith("csn"):
        usual = _AUDIO_VISUAL_CLIP
    return _clip_tower(
        kind,
        _depth(num_blocks, bottlenecks),
        shapes[stem][1],
        Choices(choices.clip or usual, choices.pool1),
        residual.VMZ_EPSILON,
    )


def _caffe2_audio(shapes: Shapes, prefix: str) -> networks.TowerPlan:
    num_blocks = len(_indices(shapes, rf"{prefix}comp_(\d+)_conv_1_w")) - 3
    bottlenecks = f"{prefix}comp_3_conv_3_w" in shapes
    return networks.TowerPlan(
        "audio", _depth(num_blocks, bottlenecks), _AUDIO_SHAPE
    )


def _torch(source: str, shapes: Shapes, choices: Choices) -> Recognized:
    num_blocks = len(_indices(shapes, r"layer(\d+\.\d+)\.conv1\.0\..*"))
    bottlenecks = "layer1.0.conv3.0.weight" in shapes
    if "stem.3.weight" in shapes:
        kind = "r2plus1d"
    elif "layer1.0.conv2.0.2.weight" in shapes:
        kind = "ip_csn"
    elif shapes["layer1.0.conv2.0.weight"][1] == 1:
        kind = "ir_csn"
    else:
        kind = "mc3" if shapes["layer2.0.conv2.0.weight"][2] == 1 else "r3d"
    tower = _clip_tower(
        kind,
        _depth(num_blocks, bottlenecks),
        shapes["stem.0.weight"][1],
        Choices(
            choices.clip or _CLIPS[source, kind.endswith("csn")], choices.pool1
        ),
        TORCHVISION_EPSILON
        if source == "torchvision"
        else residual.VMZ_EPSILON,
    )
    if kind == "r2plus1d" and not bottlenecks:
        # Two rules for the channels between the two cuts; see the builder.
        tower = dataclasses.replace(
            tower,
            block_middle=shapes["layer2.0.conv2.0.0.weight"][0]
            == r2plus1d.middle_filters(64, 128),
        )
    return _single(
        source,
        tower,
        shapes["fc.weight"][0],
        _weight_names.torch_names(kind, bottlenecks=bottlenecks),
    )


def _mmaction(source: str, shapes: Shapes, choices: Choices) -> Recognized:
    pattern = r"backbone\.layer(\d+\.\d+)\.conv1\.conv\.weight"
    ip = "backbone.layer1.0.conv2.1.conv.weight" in shapes
    kind = "ip_csn" if ip else "ir_csn"
    tower = _clip_tower(
        kind,
        _depth(len(_indices(shapes, pattern)), bottlenecks=True),
        shapes["backbone.conv1.conv.weight"][1],
        Choices(choices.clip or _CLIPS[source, True], choices.pool1),
        residual.VMZ_EPSILON,
    )
    return _single(
        source,
        tower,
        shapes["cls_head.fc_cls.weight"][0],
        _weight_names.mmaction_names(kind),
    )


def _single(
    source: str,
    tower: networks.TowerPlan,
    num_classes: int,
    name: _weight_names.Name,
) -> Recognized:
    towers = {_modality(tower): tower}
    return Recognized(
        networks.NetworkPlan(towers, tuple(towers), num_classes),
        name,
        _contracts(source, towers),
    )


def _clip_tower(
    kind: str,
    depth: int,
    num_channels: int,
    choices: Choices,
    epsilon: float,
) -> networks.TowerPlan:
    clip = choices.clip or (16, 112, 112)
    pool1 = choices.pool1
    if pool1 is None:
        pool1 = kind != "mc3" and clip[1] >= LARGE_CROP
    return networks.TowerPlan(
        kind,
        depth,
        (*clip, num_channels),
        pool1=pool1,
        norm_epsilon=epsilon,
        normalized=num_channels == len(contract.KINETICS_MEAN),
    )


def _depth(num_blocks: int, bottlenecks: bool) -> int:
    """Returns the depth with so many blocks of this sort; KeyError if none."""
    depths = {
        (sum(sizes), depth >= 50): depth
        for depth, sizes in residual.STAGE_SIZES.items()
    }
    return depths[num_blocks, bottlenecks]


def _indices(names: Collection[str], pattern: str) -> set[str]:
    return {m[1] for m in map(re.compile(pattern).fullmatch, names) if m}


def _modality(tower: networks.TowerPlan) -> str:
    return "rgb" if tower.normalized else "flow"


def _contracts(
    source: str, towers: Mapping[str, networks.TowerPlan]
) -> tuple[contract.InputContract, ...]:
    sampling = {
        "torchvision": "16 frames in a row at 15 frames a second; frames "
        "resized to 128 x 171, then a crop of 112 x 112",
        "csn": "32 frames, every second one; frames resized to a short edge "
        "of 256 (VMZ: 342 x 256), then a crop of 224 x 224, or of 256 x 256 "
        "for the published accuracy",
        "other": "frames in a row; frames resized to 128 x 171, then a crop "
        "of 112 x 112",
    }
    result = []
    for modality, tower in towers.items():
        shape = tower.input_shape
        if modality == "audio":
            result.append(contract.audio_contract(shape))
        elif modality == "flow":
            result.append(contract.flow_contract(shape, source))
        else:
            key = "csn" if tower.kind.endswith("csn") else "other"
            key = source if source in sampling else key
            result.append(contract.rgb_contract(shape, sampling[key], source))
    return tuple(result)
