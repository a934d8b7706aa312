"""Which tensor of a public checkpoint belongs to which of our weights.

Our weight paths follow one pattern, `<tower>/<place>_<role>/<variable>`, where
a place is `stem` or `stage_<s>_block_<b>`. So a family is a small table of
roles, and no list of names is written out anywhere.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

Name = Callable[[str], str]  # path of one of our weights -> their name

_BLOCK = re.compile(r"stage_(\d+)_block_(\d+)_(.+)")
_STEM_BLOCK = re.compile(r"stem_block_(\d+)_(.+)")
_NUM_STEM_BLOCKS = 3  # of the audio tower

CAFFE2_VARIABLES = {
    "kernel": "w",
    "bias": "b",
    "gamma": "s",
    "beta": "b",
    "moving_mean": "rm",
    "moving_variance": "riv",  # VMZ's name, though it holds the variance
}
TORCH_VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

_CAFFE2_ROLES = {
    "conv_1": "comp_{i}_conv_1",
    "conv_1_norm": "comp_{i}_spatbn_1",
    "conv_1_middle": "comp_{i}_conv_1_middle",
    "conv_1_middle_norm": "comp_{i}_spatbn_1_middle",
    "conv_2": "comp_{i}_conv_2",
    "conv_2_norm": "comp_{i}_spatbn_2",
    "conv_2_middle": "comp_{i}_conv_2_middle",
    "conv_2_middle_norm": "comp_{i}_spatbn_2_middle",
    "conv_3": "comp_{i}_conv_3",
    "conv_3_norm": "comp_{i}_spatbn_3",
    "shortcut": "shortcut_projection_{i}",
    "shortcut_norm": "shortcut_projection_{i}_spatbn",
}
# Caffe2 counts the depth-wise convolution of ir-CSN twice.
_CAFFE2_IR_ROLES = _CAFFE2_ROLES | {
    "conv_2": "comp_{i}_conv_3",
    "conv_2_norm": "comp_{i}_spatbn_3",
    "conv_3": "comp_{i}_conv_4",
    "conv_3_norm": "comp_{i}_spatbn_4",
}
_CAFFE2_STEM = {
    "stem_conv": "conv1",
    "stem_conv_norm": "conv1_spatbn_relu",
    "stem_conv_middle": "conv1_middle",
    "stem_conv_middle_norm": "conv1_middle_spatbn_relu",
}

_TORCH_ROLES = {
    "conv_1": "conv1.0",
    "conv_1_norm": "conv1.1",
    "conv_2": "conv2.0",
    "conv_2_norm": "conv2.1",
    "conv_3": "conv3.0",
    "conv_3_norm": "conv3.1",
    "shortcut": "downsample.0",
    "shortcut_norm": "downsample.1",
}
_TORCH_IP_ROLES = _TORCH_ROLES | {
    "conv_2_middle": "conv2.0.0",
    "conv_2_middle_norm": "conv2.0.1",
    "conv_2": "conv2.0.2",
}
_TORCH_MIDDLE_ROLES = {
    f"conv_{j}{part}": f"conv{j}.0.{index}"
    for j in (1, 2)
    for part, index in (("_middle", 0), ("_middle_norm", 1), ("", 3))
}
_TORCH_2PLUS1D_ROLES = {
    False: _TORCH_ROLES | _TORCH_MIDDLE_ROLES,
    # In a bottleneck only the second convolution is cut.
    True: _TORCH_ROLES | _TORCH_MIDDLE_ROLES | {"conv_1": "conv1.0"},
}
_TORCH_STEM = {"stem_conv": "stem.0", "stem_conv_norm": "stem.1"}
_TORCH_2PLUS1D_STEM = {
    "stem_conv_middle": "stem.0",
    "stem_conv_middle_norm": "stem.1",
    "stem_conv": "stem.3",
    "stem_conv_norm": "stem.4",
}

_MMACTION_ROLES = {
    "conv_1": "conv1.conv",
    "conv_1_norm": "conv1.bn",
    "conv_2": "conv2.0.conv",
    "conv_2_norm": "conv2.0.bn",
    "conv_3": "conv3.conv",
    "conv_3_norm": "conv3.bn",
    "shortcut": "downsample.conv",
    "shortcut_norm": "downsample.bn",
}
_MMACTION_IP_ROLES = _MMACTION_ROLES | {
    "conv_2_middle": "conv2.0.conv",
    "conv_2_middle_norm": "conv2.0.bn",
    "conv_2": "conv2.1.conv",
    "conv_2_norm": "conv2.1.bn",
}
_MMACTION_STEM = {"stem_conv": "conv1.conv", "stem_conv_norm": "conv1.bn"}


def caffe2_names(
    kinds: Mapping[str, str],
    stage_sizes: Mapping[str, Sequence[int]],
    num_classes: int,
) -> Name:
    """Returns the names of VMZ's blobs.

    Blocks are counted through all stages; in networks of two modalities every
    name begins with `v_` or `a_`.

    Args:
        kinds: `{modality: "r3d", "r2plus1d", "ip_csn", "ir_csn" or "audio"}`.
        stage_sizes: `{modality: blocks a stage}`.
        num_classes: Is part of the names of the heads.
    """
    prefixes = {"rgb": "v_", "flow": "v_", "audio": "a_"}
    if len(kinds) == 1:
        prefixes = dict.fromkeys(prefixes, "")
    heads = {f"{m}_head": f"{p}last_out_L{num_classes}" for m, p in
             prefixes.items()}  # fmt: skip
    heads |= {
        "joint_hidden_1": "av_fc1",
        "joint_hidden_2": "av_fc2",
        "joint_head": f"last_out_L{num_classes}",
    }

    def name(path: str) -> str:
        *towers, layer, variable = path.split("/")
        suffix = CAFFE2_VARIABLES[variable]
        if not towers:
            return f"{heads[layer]}_{suffix}"
        modality = towers[0].removesuffix("_tower")
        roles = (
            _CAFFE2_IR_ROLES if kinds[modality] == "ir_csn" else _CAFFE2_ROLES
        )
        blob = _CAFFE2_STEM.get(layer)
        if blob is None:
            skipped = _NUM_STEM_BLOCKS if kinds[modality] == "audio" else 0
            index, role = _global_block(layer, stage_sizes[modality], skipped)
            blob = roles[role].format(i=index)
        return f"{prefixes[modality]}{blob}_{suffix}"

    return name


def torch_names(kind: str, *, bottlenecks: bool) -> Name:
    """Returns the names of torchvision's VideoResNet, and of VMZ's in PyTorch.

    Args:
        kind: "r3d", "mc3", "r2plus1d", "ip_csn" or "ir_csn".
        bottlenecks: Whether the blocks have three convolutions.
    """
    roles = _TORCH_ROLES
    stem = _TORCH_STEM
    if kind == "r2plus1d":
        roles = _TORCH_2PLUS1D_ROLES[bottlenecks]
        stem = _TORCH_2PLUS1D_STEM
    elif kind == "ip_csn":
        roles = _TORCH_IP_ROLES
    return _state_dict_names(roles, stem, prefix="", head="fc")


def mmaction_names(kind: str) -> Name:
    """Returns the names of mmaction2's ResNet3dCSN.

    Args:
        kind: "ip_csn" or "ir_csn".
    """
    roles = _MMACTION_IP_ROLES if kind == "ip_csn" else _MMACTION_ROLES
    return _state_dict_names(
        roles, _MMACTION_STEM, prefix="backbone.", head="cls_head.fc_cls"
    )


def _state_dict_names(
    roles: Mapping[str, str], stem: Mapping[str, str], *, prefix: str, head: str
) -> Name:
    def name(path: str) -> str:
        *towers, layer, variable = path.split("/")
        suffix = TORCH_VARIABLES[variable]
        if not towers:
            return f"{head}.{suffix}"
        if layer in stem:
            return f"{prefix}{stem[layer]}.{suffix}"
        match = _BLOCK.fullmatch(layer)
        if match is None:
            raise KeyError(layer)
        stage, block, role = match.groups()
        return f"{prefix}layer{stage}.{block}.{roles[role]}.{suffix}"

    return name


def _global_block(
    layer: str, stage_sizes: Sequence[int], skipped: int
) -> tuple[int, str]:
    """Returns the index of a block, counted through all stages, and the role.

    Args:
        layer: Name of one of our layers.
        stage_sizes: Blocks a stage.
        skipped: Blocks of the stem, which count too.
    """
    match = _STEM_BLOCK.fullmatch(layer)
    if match is not None:
        return int(match[1]), match[2]
    match = _BLOCK.fullmatch(layer)
    if match is None:
        raise KeyError(layer)
    stage, block = int(match[1]), int(match[2])
    return skipped + sum(stage_sizes[: stage - 1]) + block, match[3]
