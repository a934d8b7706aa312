"""Names of others, beside ours, each pair written out."""

import pytest

from gblend_keras.converters import _weight_names
from gblend_keras.towers import residual

SIZES = residual.STAGE_SIZES[152]  # 3, 8, 36, 3


def caffe2(kind):
    return _weight_names.caffe2_names({"rgb": kind}, {"rgb": SIZES}, 400)


def audio_visual(kind):
    return _weight_names.caffe2_names(
        {"rgb": kind, "audio": "audio"}, {"rgb": SIZES, "audio": SIZES}, 400
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("rgb_tower/stem_conv/kernel", "conv1_w"),
        ("rgb_tower/stem_conv_norm/gamma", "conv1_spatbn_relu_s"),
        ("rgb_tower/stem_conv_norm/moving_variance", "conv1_spatbn_relu_riv"),
        ("rgb_tower/stage_1_block_2_conv_1/kernel", "comp_2_conv_1_w"),
        # The first block of stage 3 is the twelfth: 3 + 8 go before it.
        ("rgb_tower/stage_3_block_0_conv_2/kernel", "comp_11_conv_2_w"),
        (
            "rgb_tower/stage_3_block_0_conv_2_middle_norm/moving_mean",
            "comp_11_spatbn_2_middle_rm",
        ),
        (
            "rgb_tower/stage_4_block_0_shortcut/kernel",
            "shortcut_projection_47_w",
        ),
        (
            "rgb_tower/stage_4_block_0_shortcut_norm/beta",
            "shortcut_projection_47_spatbn_b",
        ),
        ("rgb_head/bias", "last_out_L400_b"),
    ],
)  # fmt: skip
def test_blobs_of_ip_csn(ours, theirs):
    assert caffe2("ip_csn")(ours) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("rgb_tower/stage_1_block_0_conv_1/kernel", "comp_0_conv_1_w"),
        ("rgb_tower/stage_1_block_0_conv_2/kernel", "comp_0_conv_3_w"),
        ("rgb_tower/stage_1_block_0_conv_2_norm/beta", "comp_0_spatbn_3_b"),
        ("rgb_tower/stage_1_block_0_conv_3/kernel", "comp_0_conv_4_w"),
    ],
)
def test_blobs_of_ir_csn_skip_number_two(ours, theirs):
    assert caffe2("ir_csn")(ours) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("rgb_tower/stem_conv_middle/kernel", "v_conv1_middle_w"),
        (
            "rgb_tower/stem_conv_middle_norm/beta",
            "v_conv1_middle_spatbn_relu_b",
        ),
        ("audio_tower/stem_conv/kernel", "a_conv1_w"),
        ("audio_tower/stem_conv/bias", "a_conv1_b"),
        ("audio_tower/stem_block_2_conv_1_norm/gamma", "a_comp_2_spatbn_1_s"),
        # The three blocks of the stem count too.
        ("audio_tower/stage_1_block_0_conv_3/kernel", "a_comp_3_conv_3_w"),
        ("audio_tower/stage_2_block_0_conv_1/kernel", "a_comp_6_conv_1_w"),
        ("joint_hidden_1/kernel", "av_fc1_w"),
        ("joint_hidden_2/bias", "av_fc2_b"),
        ("joint_head/kernel", "last_out_L400_w"),
        ("audio_head/kernel", "a_last_out_L400_w"),
        ("rgb_head/bias", "v_last_out_L400_b"),
    ],
)
def test_blobs_of_the_audio_visual_network(ours, theirs):
    assert audio_visual("r2plus1d")(ours) == theirs


@pytest.mark.parametrize(
    ("kind", "bottlenecks", "ours", "theirs"),
    [
        ("r3d", False, "stem_conv/kernel", "stem.0.weight"),
        ("r3d", False, "stage_2_block_1_conv_2/kernel",
         "layer2.1.conv2.0.weight"),
        ("r2plus1d", False, "stem_conv/kernel", "stem.3.weight"),
        ("r2plus1d", False, "stage_1_block_0_conv_1_middle/kernel",
         "layer1.0.conv1.0.0.weight"),
        ("r2plus1d", False, "stage_1_block_0_conv_1/kernel",
         "layer1.0.conv1.0.3.weight"),
        ("r2plus1d", True, "stage_1_block_0_conv_1/kernel",
         "layer1.0.conv1.0.weight"),
        ("r2plus1d", True, "stage_1_block_0_conv_2/kernel",
         "layer1.0.conv2.0.3.weight"),
        ("ip_csn", True, "stage_3_block_35_conv_2_middle_norm/moving_mean",
         "layer3.35.conv2.0.1.running_mean"),
        ("ip_csn", True, "stage_3_block_35_conv_2/kernel",
         "layer3.35.conv2.0.2.weight"),
        ("ir_csn", True, "stage_1_block_0_conv_2/kernel",
         "layer1.0.conv2.0.weight"),
        ("ir_csn", True, "stage_1_block_0_conv_2_norm/moving_variance",
         "layer1.0.conv2.1.running_var"),
        ("ir_csn", True, "stage_1_block_0_shortcut_norm/beta",
         "layer1.0.downsample.1.bias"),
    ],
)  # fmt: skip
def test_names_of_pytorch(kind, bottlenecks, ours, theirs):
    name = _weight_names.torch_names(kind, bottlenecks=bottlenecks)
    assert name(f"rgb_tower/{ours}") == theirs
    assert name("rgb_head/kernel") == "fc.weight"


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("ip_csn", "stem_conv/kernel", "conv1.conv.weight"),
        ("ip_csn", "stem_conv_norm/gamma", "conv1.bn.weight"),
        ("ip_csn", "stage_4_block_2_conv_2_middle/kernel",
         "layer4.2.conv2.0.conv.weight"),
        ("ip_csn", "stage_4_block_2_conv_2_norm/beta",
         "layer4.2.conv2.1.bn.bias"),
        ("ir_csn", "stage_4_block_2_conv_2/kernel",
         "layer4.2.conv2.0.conv.weight"),
        ("ir_csn", "stage_2_block_0_shortcut_norm/moving_mean",
         "layer2.0.downsample.bn.running_mean"),
    ],
)  # fmt: skip
def test_names_of_mmaction2(kind, ours, theirs):
    name = _weight_names.mmaction_names(kind)
    assert name(f"rgb_tower/{ours}") == f"backbone.{theirs}"
    assert name("rgb_head/bias") == "cls_head.fc_cls.bias"
