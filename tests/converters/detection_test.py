"""Which network a checkpoint is of, told from few names and shapes."""

import pytest

from gblend_keras.converters import _tensors
from gblend_keras.converters import detection
from gblend_keras.towers import residual


def recognize(source, shapes, **choices):
    contents = _tensors.Contents(
        {name: _tensors.Tensor(shape, list) for name, shape in shapes.items()}
    )
    return detection.recognize(source, contents, detection.Choices(**choices))


def torch_shapes(depth, middle, *, channels=3, classes=400):
    """Returns a state dict's shapes; `middle` are those of the families."""
    shapes = {
        "stem.0.weight": (64, channels, 3, 7, 7),
        "fc.weight": (classes, 2048 if depth >= 50 else 512),
        "layer2.0.conv2.0.weight": (128, 128, 3, 3, 3),
        "layer1.0.conv2.0.weight": (64, 64, 3, 3, 3),
    }
    for stage, blocks in enumerate(residual.STAGE_SIZES[depth], 1):
        for block in range(blocks):
            shapes[f"layer{stage}.{block}.conv1.0.weight"] = (64, 64, 1, 1, 1)
    if depth >= 50:
        shapes["layer1.0.conv3.0.weight"] = (256, 64, 1, 1, 1)
    return shapes | middle


@pytest.mark.parametrize(
    ("source", "depth", "middle", "kind", "shape"),
    [
        ("torchvision", 18, {}, "r3d", (16, 112, 112, 3)),
        (
            "torchvision",
            18,
            {"layer2.0.conv2.0.weight": (128, 128, 1, 3, 3)},
            "mc3",
            (16, 112, 112, 3),
        ),
        (
            "ig65m",
            34,
            {
                "stem.3.weight": (64, 45, 3, 1, 1),
                "layer2.0.conv2.0.0.weight": (288, 128, 1, 3, 3),
            },
            "r2plus1d",
            (32, 112, 112, 3),
        ),
        (
            "ig65m",
            152,
            {"stem.3.weight": (64, 45, 3, 1, 1)},
            "r2plus1d",
            (32, 112, 112, 3),
        ),
        (
            "ig65m",
            152,
            {"layer1.0.conv2.0.2.weight": (64, 1, 3, 3, 3)},
            "ip_csn",
            (32, 224, 224, 3),
        ),
        (
            "ig65m",
            101,
            {"layer1.0.conv2.0.weight": (64, 1, 3, 3, 3)},
            "ir_csn",
            (32, 224, 224, 3),
        ),
    ],
)
def test_state_dicts_tell_their_network(source, depth, middle, kind, shape):
    found = recognize(source, torch_shapes(depth, middle))
    tower = found.plan.towers["rgb"]
    assert (tower.kind, tower.depth) == (kind, depth)
    assert tower.input_shape == shape
    assert tower.pool1 == (shape[1] == 224)
    assert tower.norm_epsilon == (1e-5 if source == "torchvision" else 1e-3)
    assert (found.plan.heads, found.plan.num_classes) == (("rgb",), 400)


@pytest.mark.parametrize(("size", "block_middle"), [(230, True), (288, False)])
def test_both_rules_of_r2plus1d_are_told_apart(size, block_middle):
    middle = {
        "stem.3.weight": (64, 45, 3, 1, 1),
        "layer2.0.conv2.0.0.weight": (size, 128, 1, 3, 3),
    }
    plan = recognize("torchvision", torch_shapes(18, middle)).plan
    assert plan.towers["rgb"].block_middle == block_middle


def test_flow_is_told_by_its_two_channels():
    found = recognize("torchvision", torch_shapes(18, {}, channels=2))
    tower = found.plan.towers["flow"]
    assert tower.input_shape == (16, 112, 112, 2) and not tower.normalized
    (contract,) = found.contracts
    assert contract.modality == "flow" and contract.inside == "nothing"


def test_choices_win():
    shapes = torch_shapes(18, {}, classes=7)
    plan = recognize("torchvision", shapes, clip=(8, 224, 224)).plan
    assert plan.towers["rgb"].input_shape == (8, 224, 224, 3)
    assert plan.towers["rgb"].pool1 and plan.num_classes == 7
    plan = recognize(
        "torchvision", shapes, clip=(8, 224, 224), pool1=False
    ).plan
    assert not plan.towers["rgb"].pool1


def blob_shapes(prefix, depth, middle, *, stem_blocks=0):
    """Returns the shapes of VMZ's blobs that tell a tower."""
    num_blocks = sum(residual.STAGE_SIZES[depth]) + stem_blocks
    shapes = {
        f"{prefix}comp_{index}_conv_1_w": (64, 64, 1, 1, 1)
        for index in range(num_blocks)
    }
    shapes[f"{prefix}conv1_w"] = (64, 3, 3, 7, 7)
    if depth >= 50:
        shapes[f"{prefix}comp_{stem_blocks}_conv_3_w"] = (256, 64, 1, 1, 1)
    return shapes | {f"{prefix}{n}": shape for n, shape in middle.items()}


IP = {"comp_0_conv_2_middle_w": (64, 64, 1, 1, 1)}
IR = {"comp_0_conv_4_w": (256, 64, 1, 1, 1)}
CUT = {"conv1_middle_w": (45, 3, 1, 7, 7)}


@pytest.mark.parametrize(
    ("depth", "middle", "kind"),
    [
        (152, IP, "ip_csn"),
        (152, IR, "ir_csn"),
        (34, CUT, "r2plus1d"),
        (50, {}, "r3d"),
    ],
)
def test_blobs_tell_their_network(depth, middle, kind):
    shapes = blob_shapes("", depth, middle)
    shapes["last_out_L487_w"] = (487, 2048)
    found = recognize("vmz", shapes)
    tower = found.plan.towers["rgb"]
    assert (tower.kind, tower.depth) == (kind, depth)
    assert (found.plan.heads, found.plan.num_classes) == (("rgb",), 487)


@pytest.mark.parametrize("with_heads", [True, False])
def test_audio_visual_blobs_tell_both_towers(with_heads):
    shapes = blob_shapes("v_", 101, CUT)
    shapes |= blob_shapes("a_", 101, {}, stem_blocks=3)
    shapes["last_out_L527_w"] = (527, 2048)
    if with_heads:
        shapes["v_last_out_L527_w"] = shapes["a_last_out_L527_w"] = (527, 2048)
    found = recognize("vmz", shapes)
    kinds = {m: (t.kind, t.depth) for m, t in found.plan.towers.items()}
    assert kinds == {"rgb": ("r2plus1d", 101), "audio": ("audio", 101)}
    heads = {"rgb", "audio", "joint"} if with_heads else {"joint"}
    assert set(found.plan.heads) == heads
    assert [c.modality for c in found.contracts] == ["rgb", "audio"]
    # The order of concatenation: VMZ puts the visual features first.
    assert list(found.plan.towers) == ["rgb", "audio"]


def test_audio_blobs_alone_tell_the_audio_tower():
    shapes = blob_shapes("", 18, {"conv1_b": (16,)}, stem_blocks=3)
    shapes["last_out_L10_w"] = (10, 512)
    plan = recognize("vmz", shapes).plan
    assert plan.towers["audio"].depth == 18 and plan.heads == ("audio",)


@pytest.mark.parametrize("mode", ["ip", "ir"])
def test_mmaction2_tells_its_mode(mode):
    shapes = {
        "backbone.conv1.conv.weight": (64, 3, 3, 7, 7),
        "cls_head.fc_cls.weight": (400, 2048),
    }
    for stage, blocks in enumerate(residual.STAGE_SIZES[152], 1):
        for block in range(blocks):
            name = f"backbone.layer{stage}.{block}.conv1.conv.weight"
            shapes[name] = (64, 64, 1, 1, 1)
    if mode == "ip":
        shapes["backbone.layer1.0.conv2.1.conv.weight"] = (64, 1, 3, 3, 3)
    tower = recognize("mmaction2", shapes).plan.towers["rgb"]
    assert (tower.kind, tower.depth) == (f"{mode}_csn", 152)


def test_unknown_number_of_blocks_is_refused():
    shapes = torch_shapes(18, {})
    del shapes["layer4.1.conv1.0.weight"]
    with pytest.raises(ValueError, match="Choose another `source`"):
        recognize("torchvision", shapes)
