"""Converted networks compute what the originals do.

Needs PyTorch: `pip install "gblend-keras[parity]"`, then
`pytest -m large tests/checkpoints/parity_test.py -s`.
"""

import pickle

import keras
import numpy as np
import pytest

from gblend_keras.converters import converter
from gblend_keras.converters import detection

torch = pytest.importorskip("torch")

from tests.converters import caffe2_networks  # noqa: E402
from tests.converters import torch_networks  # noqa: E402

pytestmark = pytest.mark.large

# torchvision's numbers, of pixels from 0 to 1.
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
TOLERANCE = 1e-4  # relative to the largest feature

NETWORKS = {
    "r3d_18": (
        "torchvision",
        lambda: torch_networks.torchvision(
            [torch_networks.Full] * 4, torch_networks.plain_stem
        ),
    ),
    "mc3_18": (
        "torchvision",
        lambda: torch_networks.torchvision(
            [torch_networks.Full] + [torch_networks.Frames] * 3,
            torch_networks.plain_stem,
        ),
    ),
    "r2plus1d_18": (
        "torchvision",
        lambda: torch_networks.torchvision(
            [torch_networks.Cut] * 4, torch_networks.cut_stem
        ),
    ),
    "r2plus1d_34": (
        "ig65m",
        lambda: torch_networks.vmz(
            torch_networks.CutEach,
            torch_networks.Simple,
            34,
            torch_networks.cut_stem,
            pool1=False,
        ),
    ),
    "r2plus1d_152": (
        "ig65m",
        lambda: torch_networks.vmz(
            torch_networks.CutEach,
            torch_networks.Bottleneck,
            152,
            torch_networks.cut_stem,
            pool1=False,
        ),
    ),
    "ip_csn_152": (
        "ig65m",
        lambda: torch_networks.vmz(
            torch_networks.PointThenDepthwise,
            torch_networks.Bottleneck,
            152,
            torch_networks.plain_stem,
            pool1=True,
        ),
    ),
    "ir_csn_152": (
        "ig65m",
        lambda: torch_networks.vmz(
            torch_networks.Depthwise,
            torch_networks.Bottleneck,
            152,
            torch_networks.plain_stem,
            pool1=True,
        ),
    ),
    "vmz_ipcsn": (
        "mmaction2",
        lambda: torch_networks.with_epsilon(
            torch_networks.MMRecognizer("ip", 152, 400), 1e-3
        ),
    ),
    "vmz_ircsn": (
        "mmaction2",
        lambda: torch_networks.with_epsilon(
            torch_networks.MMRecognizer("ir", 152, 400), 1e-3
        ),
    ),
}
# paper.md 4: keys of the state dicts of VMZ's networks in PyTorch
NUM_KEYS = {
    "ip_csn_152": 1232,
    "ir_csn_152": 932,
    "r2plus1d_34": 416,
    "r2plus1d_152": 1238,
}


def pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape)


def normalized(clip):
    """Returns pixels as PyTorch takes them: normalised, channels first."""
    x = (clip / 255 - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(np.moveaxis(x, -1, 1).astype("float32"))


def relative_error(actual, expected):
    expected = expected.detach().numpy()
    return np.max(np.abs(actual - expected)) / np.max(np.abs(expected))


def features(network, name):
    tower = network.get_layer(name)
    return lambda x: np.asarray(tower(x, training=False))


# The old format of PyTorch's files, once for small and once for large.
LEGACY = [("mc3_18", True), ("ir_csn_152", True)]


@pytest.mark.parametrize(
    ("name", "legacy"), [(name, False) for name in NETWORKS] + LEGACY
)
def test_features_are_those_of_pytorch(name, legacy, tmp_path):
    source, build = NETWORKS[name]
    network = torch_networks.randomize(build())
    state = network.state_dict()
    if name in NUM_KEYS:
        assert len(state) == NUM_KEYS[name]
    content = {"state_dict": state, "meta": {"epoch": 3}}
    torch.save(
        content if source == "mmaction2" else state,
        tmp_path / "net.pth",
        _use_new_zipfile_serialization=not legacy,
    )
    report = converter.convert_checkpoint(
        source, tmp_path / "net.pth", tmp_path / "net.weights.h5"
    )
    assert not report.unused and not report.folded
    used = len(report.pairs) + len(report.counters)
    assert used == len(state)

    clip = pixels((2, 9, 65, 71, 3))
    converted = converter.load_converted(
        tmp_path / "net.weights.h5", {"rgb": clip.shape[1:]}
    )
    with torch.no_grad():
        expected = network.features(normalized(clip))
        logits = network(normalized(clip))
    actual = features(converted, "rgb_tower")(clip.astype("float32"))
    error = relative_error(actual, expected)
    outputs = converted({"rgb": clip.astype("float32")})
    head_error = relative_error(np.asarray(outputs["rgb"]), logits)
    print(f"\n{name}: features {error:.1e}, logits {head_error:.1e}")
    assert error < TOLERANCE
    assert head_error < TOLERANCE


@pytest.mark.parametrize(
    ("block_type", "depth", "pool1"),
    [("0.3d", 152, True), ("2.5d", 50, True), ("3d", 18, False)],
)
def test_audio_visual_network_is_that_of_caffe2(
    block_type, depth, pool1, tmp_path
):
    blobs = caffe2_networks.Blobs()
    rng = np.random.default_rng(1)
    clip = pixels((2, 9, 65, 71, 3))
    patch = rng.normal(size=(2, 100, 40, 1)).astype("float32")
    with torch.no_grad():
        v = caffe2_networks.visual(
            blobs, normalized(clip), depth, block_type, pool1=pool1
        )
        a = caffe2_networks.acoustic(
            blobs, torch.from_numpy(np.moveaxis(patch, -1, 1)), depth
        )
        expected = caffe2_networks.heads(blobs, v, a, num_classes=31)
        expected |= {"rgb_tower": v, "audio_tower": a}
    path = tmp_path / "net.pkl"
    path.write_bytes(pickle.dumps({"blobs": dict(blobs)}, 2))
    report = converter.convert_checkpoint(
        "vmz",
        path,
        tmp_path / "net.keras",
        choices=detection.Choices(pool1=pool1),
    )
    assert not report.unused and len(report.pairs) == len(blobs)

    network = converter.load_converted(
        tmp_path / "net.keras", {"rgb": clip.shape[1:]}
    )
    x = {"rgb": clip.astype("float32"), "audio": patch}
    outputs = {name: np.asarray(y) for name, y in network(x).items()}
    for modality in ("rgb", "audio"):
        name = f"{modality}_tower"
        outputs[name] = features(network, name)(x[modality])
    errors = {
        name: relative_error(outputs[name], y) for name, y in expected.items()
    }
    print(f"\nav {block_type} {depth}: {errors}")
    assert set(outputs) == set(expected)
    assert max(errors.values()) < TOLERANCE


@pytest.mark.parametrize(
    ("block_type", "depth"), [("3d-sep", 152), ("2.5d", 18), ("0.3d", 50)]
)
def test_video_network_is_that_of_caffe2(block_type, depth, tmp_path):
    blobs = caffe2_networks.Blobs()
    clip = pixels((1, 8, 64, 64, 3))
    pool1 = block_type != "2.5d"
    with torch.no_grad():
        expected = caffe2_networks.visual(
            blobs, normalized(clip), depth, block_type, "", pool1=pool1
        )
        logits = blobs.dense(expected, "last_out_L9", 9)
        # The multi-label networks scale and shift every logit.
        scale = blobs.vector("pred_logit_w", 9, 0.5, 2.0)
        shift = blobs.vector("pred_logit_b", 9, -1.0, 1.0)
        logits = logits * scale + shift
    path = tmp_path / "net.pkl"
    path.write_bytes(pickle.dumps({"blobs": dict(blobs)}, 2))
    report = converter.convert_checkpoint(
        "vmz", path, tmp_path / "net.weights.h5"
    )
    assert report.folded == ("pred_logit_w", "pred_logit_b")
    assert not report.unused
    network = converter.load_converted(
        tmp_path / "net.weights.h5", {"rgb": clip.shape[1:]}
    )
    x = clip.astype("float32")
    error = relative_error(features(network, "rgb_tower")(x), expected)
    head_error = relative_error(np.asarray(network({"rgb": x})["rgb"]), logits)
    print(f"\n{block_type} {depth}: {error:.1e}, logits {head_error:.1e}")
    assert max(error, head_error) < TOLERANCE


def test_safetensors_give_the_same_network(tmp_path):
    safetensors_torch = pytest.importorskip("safetensors.torch")
    source, build = NETWORKS["mc3_18"]
    state = torch_networks.randomize(build()).state_dict()
    torch.save(state, tmp_path / "net.pth")
    safetensors_torch.save_file(state, tmp_path / "net.safetensors")
    weights = []
    for name in ("net.pth", "net.safetensors"):
        output = tmp_path / f"{name}.weights.h5"
        converter.convert_checkpoint(source, tmp_path / name, output)
        weights.append(converter.load_converted(output).get_weights())
        keras.backend.clear_session(free_memory=False)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
