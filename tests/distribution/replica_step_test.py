"""However many replicas train: the same variables, blend and measurements."""

import subprocess
import sys

import numpy as np
import pytest

from gblend_keras.distribution import strategies
from tests.distribution import cluster
from tests.distribution import worker

NAMES = ("one device", "two devices", "worker 0", "worker 1")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Runs the same work on one device, two devices and two workers."""
    folder = tmp_path_factory.mktemp("results")
    script = "tests.distribution.worker"
    processes = cluster.start(
        ["-m", script, "multi_worker", str(folder / "worker {index}.npz")],
        num_workers=2,
        log_dir=folder,
    )
    with (folder / "worker-two.log").open("w") as log:
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", script, "mirrored", folder / "two"],
                cwd=cluster.ROOT,
                env=cluster.environment(),
                stdout=log,
                stderr=log,
            )
        )
    one = worker.results(strategies.make_strategy("default"))
    cluster.wait(processes, timeout_seconds=600, log_dir=folder)
    paths = ("two.npz", "worker 0.npz", "worker 1.npz")
    found = [dict(np.load(folder / path)) for path in paths]
    return dict(zip(NAMES, [one, *found], strict=True))


def values(result, kind):
    return {key: each for key, each in result.items() if key.startswith(kind)}


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("weight", 1e-5),
        ("log loss", 1e-5),
        ("log val", 1e-5),
        ("log blend", 1e-5),
        ("estimates", 1e-4),  # weights divide small numbers by each other
        ("probed", 1e-4),
        ("evaluate", 1e-5),
        ("measured", 1e-5),
        ("predict", 1e-5),
        ("accumulated", 1e-5),
    ],
)
def test_replicas_together_do_what_one_device_does(
    results, name, kind, tolerance
):
    expected = values(results["one device"], kind)
    assert expected
    for key, value in values(results[name], kind).items():
        np.testing.assert_allclose(
            value, expected[key], atol=tolerance, err_msg=key
        )


@pytest.mark.parametrize("name", NAMES)
def test_no_example_is_lost_or_counted_twice(results, name):
    found = results[name]
    assert found["iterations"] == 27  # three epochs of ceil(73 / 9)
    assert found["examples seen"] == 97
    # Two passes of two epochs, then of one, over 73 examples.
    np.testing.assert_array_equal(found["trained"], [2 * 2 * 73, 2 * 73])
    assert found["measured"].shape == (97, 3)
    assert found["predict joint"].shape == (97, 3)


def test_workers_end_with_identical_results(results):
    one, other = results["worker 0"], results["worker 1"]
    assert set(one) == set(other)
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)
