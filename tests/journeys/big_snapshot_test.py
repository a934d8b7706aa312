"""Snapshots and state files of a network of 100 million parameters."""

import re
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.blending import estimate_progress
from gblend_keras.blending import snapshot
from gblend_keras.callbacks import run_checkpoint

WIDTH = 2500
LAYERS = 8  # of 6.25 million parameters each
SECONDS = 2.0  # of a snapshot, and of a restore: the target of the project


def big_model():
    """Two towers of 50 million parameters, with momentum."""
    towers = {}
    for name in ("m0", "m1"):
        inputs = keras.Input((WIDTH,))
        x = inputs
        for _ in range(LAYERS):
            x = keras.layers.Dense(WIDTH, activation="relu")(x)
        x = keras.layers.Dense(4)(x)
        towers[name] = keras.Model(inputs, x, name=f"{name}_tower")
    model = gb.BlendedModel(gb.late_fusion(towers, 3))
    model.compile(keras.optimizers.SGD(0.001, momentum=0.9))
    return model


def seconds_of(function):
    """Seconds of processor and of clock; the machine may be shared."""
    clock, used = time.monotonic(), time.process_time()
    function()
    return time.process_time() - used, time.monotonic() - clock


@pytest.mark.large
def test_snapshot_and_restore_take_two_seconds_at_most(tmp_path):
    model = big_model()
    kept = snapshot.Snapshot(model)
    assert model.count_params() > 100e6
    assert kept.num_bytes > 800e6  # momentum, too
    checkpoint = gb.RunCheckpoint(tmp_path)
    checkpoint.set_model(model)
    work = {
        "snapshot": lambda: snapshot.Snapshot(model),
        "restore": kept.restore,
        "fingerprint": lambda: snapshot.fingerprint(model),
        "checkpoint": lambda: checkpoint.on_epoch_end(0),
        "read back": lambda: run_checkpoint.restore_newest(model, tmp_path),
    }
    seconds = {name: seconds_of(function) for name, function in work.items()}
    for name, (used, clock) in seconds.items():
        print(f"{name}: {used:.2f} s of processor, {clock:.2f} s of clock")
    # A second time: the first touch of memory is the machine's affair.
    assert seconds_of(work["snapshot"])[0] < SECONDS
    assert seconds["restore"][0] < SECONDS


def peak_bytes(function):
    """The most memory that the process had while the function ran."""
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    function()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))


@pytest.mark.large
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="Linux only"
)
def test_estimate_takes_one_copy_of_the_state(tmp_path, monkeypatch):
    monkeypatch.setattr(
        estimate_progress, "SHARE", 1e9
    )  # written after each epoch
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(60, WIDTH)).astype(np.float32)
        for name in ("m0", "m1")
    }
    train, holdout = gb.split_holdout((x, np.arange(60) % 3), 0.5, batch_size=8)
    model = big_model()
    model.fit(train, epochs=1, verbose=0)  # traced, and its memory taken
    plain = peak_bytes(lambda: model.fit(train, epochs=1, verbose=0))
    state = snapshot.Snapshot(model).num_bytes
    copies = {}
    for kept, path in (("nothing", None), ("all", tmp_path / "history.json")):
        callback = gb.GradientBlending(
            train, holdout, super_epochs=(1, 1), history_path=path
        )
        estimating = peak_bytes(
            lambda callback=callback: model.fit(
                train, epochs=1, verbose=0, callbacks=[callback]
            )
        )
        copies[kept] = (estimating - plain) / state
    print(f"an estimate takes copies, by what is kept: {copies}")
    # One, and a few variables (0.03 each) that are on their way.
    assert copies["nothing"] < 1.1
    assert copies["all"] < 1.2
