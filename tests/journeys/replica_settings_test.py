"""Settings of a step on two devices: what works, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.distribution import cluster

pytestmark = pytest.mark.large  # a minute or two: every setting, twice


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


def test_pool_is_calibrated_alike_on_two_devices(found):
    one, two = found["calibrated"]
    assert len(one) == 3 * 3 + 1
    assert two == pytest.approx(one, abs=1e-4)


def test_batch_norm_of_each_replica_ends_as_one_and_finite(found):
    """Slices of 5 and 4, at last of 1 and none, whose mean is not a number."""
    for first, second in found["statistics"]:
        assert first == second
        assert all(abs(value) < 1e3 for value in first)
    means, expected = found["moving_mean"]
    assert means == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("momentum", 1e-5),
        ("adamw", 1e-5),
        ("clipped", 1e-5),
        ("mixed_float16", 2e-3),
    ],
)
def test_accumulation_on_two_devices_is_that_of_one(found, kind, tolerance):
    """Variables and the sums of a ninth batch that waits for its pair."""
    one, two = found["accumulated"][kind]
    np.testing.assert_allclose(two, one, atol=tolerance)


def test_overflow_on_one_replica_leaves_the_step_out_on_all(found):
    one, two = found["overflowed"]
    assert one == two == [0.0, 512.0, 0.0]  # unmoved, half the scale, no step


def test_setting_that_cannot_work_is_refused(found):
    assert found["jit_compile"]["two"].endswith("a TPU compiles in any case.")
