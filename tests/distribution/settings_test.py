"""Settings of a step on two devices: what works, and what is refused."""

import json
import subprocess
import sys

import pytest

from tests.distribution import cluster


@pytest.fixture(scope="module")
def found():
    """Runs each setting on one device and on two."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.distribution.settings"],
        cwd=cluster.ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("setting", "tolerance"),
    [
        ("steps_per_execution", 1e-5),
        ("run_eagerly", 1e-5),
        ("mixed_bfloat16", 0.02),  # bfloat16 has 8 bits: sums round apart
        ("mixed_float16", 2e-3),
    ],
)
def test_setting_trains_the_same_on_two_devices(found, setting, tolerance):
    one, two = found[setting]["one"], found[setting]["two"]
    assert len(one) == 4  # losses of two epochs, of evaluate, and a weight
    assert two == pytest.approx(one, abs=tolerance)


def test_batch_norm_of_each_replica_ends_as_one_and_finite(found):
    """Slices of 5 and 4, at last of 1 and none, whose mean is not a number."""
    for first, second in found["statistics"]:
        assert first == second
        assert all(abs(value) < 1e3 for value in first)
    means, expected = found["moving_mean"]
    assert means == pytest.approx(expected, abs=1e-5)


def test_accumulation_trains_on_one_device(found):
    one = found["gradient_accumulation_steps"]["one"]
    assert one[1] < one[0]


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("gradient_accumulation_steps", "or more replicas."),
        ("jit_compile", "a TPU compiles in any case."),
    ],
)
def test_setting_that_cannot_work_is_refused(found, setting, advice):
    assert found[setting]["two"].endswith(advice)
