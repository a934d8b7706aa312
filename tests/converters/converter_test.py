"""Conversions that go well, and all the ways in which they must not."""

import json
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from gblend_keras.converters import _weight_names
from gblend_keras.converters import converter
from gblend_keras.converters import detection
from gblend_keras.converters import networks
from gblend_keras.towers import residual
from tests.places import ROOT

TOOL = ROOT / "tools" / "convert_checkpoint.py"


def mc3_state(num_classes=5) -> dict[str, np.ndarray]:
    """Returns a state dict of torchvision's `mc3_18`, name by name."""
    rng = np.random.default_rng(0)
    state = {}

    def add_conv(name, *shape):
        state[f"{name}.weight"] = rng.normal(0, 0.05, shape).astype("float32")

    def add_norm(name, size):
        for part in ("weight", "bias", "running_mean"):
            state[f"{name}.{part}"] = rng.normal(size=size).astype("float32")
        state[f"{name}.running_var"] = np.full(size, 2.0, "float32")
        state[f"{name}.num_batches_tracked"] = np.array(7)

    add_conv("stem.0", 64, 3, 3, 7, 7)
    add_norm("stem.1", 64)
    inputs = 64
    for stage, outputs in enumerate((64, 128, 256, 512), 1):
        time_taps = 3 if stage == 1 else 1
        for block in range(2):
            name = f"layer{stage}.{block}"
            add_conv(f"{name}.conv1.0", outputs, inputs, time_taps, 3, 3)
            add_norm(f"{name}.conv1.1", outputs)
            add_conv(f"{name}.conv2.0", outputs, outputs, time_taps, 3, 3)
            add_norm(f"{name}.conv2.1", outputs)
            if inputs != outputs:
                add_conv(f"{name}.downsample.0", outputs, inputs, 1, 1, 1)
                add_norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    add_conv("fc", num_classes, 512)
    state["fc.bias"] = rng.normal(size=num_classes).astype("float32")
    return state


@pytest.fixture(scope="module")
def state():
    return mc3_state()


@pytest.fixture
def write(tmp_path):
    def write(content) -> Path:
        path = tmp_path / "net.pkl"
        path.write_bytes(pickle.dumps(content, 4))
        return path

    return write


@pytest.fixture(scope="module")
def converted(state, tmp_path_factory):
    """Returns what one conversion wrote, and its report."""
    folder = tmp_path_factory.mktemp("converted")
    (folder / "net.pkl").write_bytes(pickle.dumps(state, 4))
    output = folder / "net.weights.h5"
    return output, converter.convert_checkpoint(
        "torchvision", folder / "net.pkl", output
    )


def test_every_weight_is_where_it_belongs(converted, state):
    output, report = converted
    network = converter.load_converted(output, {"rgb": (2, 9, 9, 3)})
    weights = networks.weight_paths(network)
    assert len(report.pairs) == len(weights)
    for theirs, ours in (
        ("stem.0.weight", "rgb_tower/stem_conv/kernel"),
        ("layer2.0.conv1.0.weight", "rgb_tower/stage_2_block_0_conv_1/kernel"),
        ("fc.weight", "rgb_head/kernel"),
    ):
        # Theirs: outputs, inputs, time, height, width. Ours: outputs last.
        expected = state[theirs]
        axes = (2, 3, 4, 1, 0) if expected.ndim == 5 else (1, 0)
        np.testing.assert_array_equal(weights[ours], expected.transpose(axes))
    np.testing.assert_array_equal(
        weights["rgb_tower/stage_1_block_1_conv_2_norm/moving_mean"],
        state["layer1.1.conv2.1.running_mean"],
    )


def test_every_tensor_stands_in_the_report_once(state, write):
    content = {"state_dict": state | {"more": np.zeros(2)}, "epoch": 3}
    report = converter.convert_checkpoint(
        "torchvision", write(content), None, dry_run=True
    )
    named = [pair.source for pair in report.pairs]
    named += [*report.counters, *report.unused, *report.folded]
    assert sorted(named) == sorted(content["state_dict"])
    assert report.unused == ("more",) and report.others == ("epoch",)
    text = str(report)
    assert "fc.weight (5, 512) -> rgb_head/kernel (512, 5)" in text
    assert "unused: 1 more" in text and "others: 1 epoch" in text


def test_dry_run_writes_nothing(state, write, tmp_path):
    path = write(state)
    output = tmp_path / "net.keras"
    converter.convert_checkpoint("torchvision", path, output, dry_run=True)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.large
def test_keras_file_stands_alone(converted, state, write, tmp_path):
    output = tmp_path / "net.keras"
    converter.convert_checkpoint("torchvision", write(state), output)
    alone = keras.saving.load_model(output)
    rebuilt = converter.load_converted(output)
    other = converter.load_converted(converted[0])
    for a, b, c in zip(
        alone.get_weights(),
        rebuilt.get_weights(),
        other.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_contract_travels_with_the_network(converted):
    output, _ = converted
    described = json.loads(
        output.with_name("net.weights.h5.contract.json").read_text()
    )
    (entry,) = described["inputs"]
    assert entry["modality"] == "rgb"
    assert entry["shape"] == [16, 112, 112, 3]
    assert "red, green, blue" in entry["values"]
    tower = converter.load_converted(output).get_layer("rgb_tower")
    # By hand: (255 - 110.2008) / 58.14765 = 2.490199 and so on.
    white = np.full((1, 1, 1, 1, 3), 255.0, "float32")
    np.testing.assert_allclose(
        np.ravel(tower.get_layer("normalise")(white)),
        [2.490199, 2.733502, 2.873648],
        rtol=1e-5,
    )


def test_clip_can_be_chosen(state, write):
    report = converter.convert_checkpoint(
        "torchvision",
        write(state),
        None,
        dry_run=True,
        choices=detection.Choices(clip=(8, 64, 96)),
    )
    assert report.plan.towers["rgb"].input_shape == (8, 64, 96, 3)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: without(s, "layer3.1.conv2.1.bias"),
            "layer3.1.conv2.1.bias for .* is missing.*Check `source`",
        ),
        (
            lambda s: s | {"layer3.1.conv2.1.bias": np.zeros(3, "float32")},
            r"layer3.1.conv2.1.bias \(3,\) does not fit.*Check `source`",
        ),
        (lambda s: without(s, "fc.weight"), "Choose another `source`"),
        (lambda s: without(s, "stem.0.weight"), "Choose another `source`"),
        (
            lambda s: s | {"fc.bias": np.full(5, np.nan, "float32")},
            "fc.bias has values.*Download the checkpoint again",
        ),
    ],
)
def test_wrong_checkpoint_is_refused_and_nothing_appears(
    change, message, state, write, tmp_path
):
    path = write(change(state))
    with pytest.raises(ValueError, match=message):
        converter.convert_checkpoint(
            "torchvision", path, tmp_path / "net.keras"
        )
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("source", ["vmz", "mmaction2"])
def test_checkpoint_of_another_source_is_refused(source, state, write):
    with pytest.raises(ValueError, match="Choose another `source`"):
        converter.convert_checkpoint(source, write(state), None, dry_run=True)


def test_unknown_source_and_ending_are_refused(state, write, tmp_path):
    with pytest.raises(ValueError, match="Choose one of these"):
        converter.convert_checkpoint("timm", write(state), None, dry_run=True)
    with pytest.raises(ValueError, match="Rename it"):
        converter.convert_checkpoint(
            "torchvision", write(state), tmp_path / "net.h5"
        )


def test_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="`output` cannot be written"):
        converter.convert_checkpoint(
            "vmz", tmp_path / "nothing.pkl", tmp_path / "file" / "net.keras"
        )


def test_network_without_its_contract_is_refused(tmp_path):
    (tmp_path / "net.keras").write_bytes(b"")
    with pytest.raises(ValueError, match="Convert the checkpoint again"):
        converter.load_converted(tmp_path / "net.keras")


def test_failed_write_leaves_the_old_network(
    state, write, tmp_path, monkeypatch
):
    output = tmp_path / "net.keras"
    output.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises(OSError):
        converter.convert_checkpoint("torchvision", write(state), output)
    assert output.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.large
def test_tool_prints_the_mapping_or_one_error(state, write, tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, TOOL, *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )

    path = write(state)
    good = run("--source=torchvision", f"--input={path}", "--dry_run")
    assert good.returncode == 0
    assert (
        "stem.0.weight (64, 3, 3, 7, 7) -> rgb_tower/stem_conv/" in good.stdout
    )
    bad = run("--source=vmz", f"--input={path}", "--dry_run")
    assert bad.returncode == 1
    assert "Choose another `source`" in bad.stderr
    assert "Traceback" not in bad.stderr


@pytest.mark.large
def test_152_layers_take_under_a_minute_and_2_gb(tmp_path):
    # The largest clip network that is published, as a VMZ .pkl: a pickle is
    # read whole, which needs more memory than PyTorch's files do.
    plan = networks.NetworkPlan(
        {"rgb": networks.TowerPlan("r2plus1d", 152, (8, 32, 32, 3))},
        ("rgb",),
        400,
    )
    name = _weight_names.caffe2_names(
        {"rgb": "r2plus1d"}, {"rgb": residual.STAGE_SIZES[152]}, 400
    )
    blobs = {}
    for path, variable in networks.weight_paths(
        networks.build_network(plan)
    ).items():
        array = np.asarray(variable)
        if array.ndim > 3:
            array = array.transpose(4, 3, 0, 1, 2)
        blobs[name(path)] = np.ascontiguousarray(
            array if array.ndim > 3 else array.T
        )
    with (tmp_path / "net.pkl").open("wb") as file:
        pickle.dump({"blobs": blobs}, file, 2)
    # The kernel's own peak of the process (`ru_maxrss` begins at the parent's).
    program = (
        "import atexit, runpy, sys\n"
        "status = lambda: open('/proc/self/status').read()\n"
        "atexit.register(lambda: print(status()))\n"
        f"sys.argv = [{str(TOOL)!r}, *sys.argv[1:]]\n"
        f"runpy.run_path({str(TOOL)!r}, run_name='__main__')\n"
    )
    start = time.monotonic()
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "--source=vmz",
            f"--input={tmp_path / 'net.pkl'}",
            f"--output={tmp_path / 'net.weights.h5'}",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    seconds = time.monotonic() - start
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", result.stdout)
    gigabytes = int(peak) * 1024 / 1e9
    print(f"\nconverted in {seconds:.0f} s with {gigabytes:.2f} GB")
    assert (tmp_path / "net.weights.h5").stat().st_size > 4.5e8
    assert seconds < 60
    assert gigabytes < 2
