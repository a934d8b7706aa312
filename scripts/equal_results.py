"""Records what short seeded runs give, and compares two such records.

A change that should alter nothing shows it: record before, record after, and
compare. Every loss, estimate, weight and prediction must be equal, bit for
bit (TensorFlow's op determinism is on).

    python scripts/equal_results.py record before.json
    python scripts/equal_results.py record after.json
    python scripts/equal_results.py compare before.json after.json

Recorded are: every method on the embedded set; estimates online, offline, by
folds and from accuracies; multi-label data with sample weights; two replicas;
a run that was killed and goes on; and `fit` with the callback, from Python.
"""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
ROOT = Path(__file__).resolve().parents[1]
SHORT = [
    "--set=blend.first_super_epoch=2",
    "--set=blend.super_epoch=1",
    "--epochs=3",
]
# What only the clock decides.
UNSTABLE = ("seconds", "_seconds", "time")
RULES = ("pcgrad", "gradnorm", "ogm_ge")


def sha(array) -> str:
    """Names the values of an array."""
    return hashlib.sha256(array.tobytes()).hexdigest()[:20]


def environment() -> dict[str, str]:
    """Lets every process import this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def train_command(workdir: Path, *flags: str) -> list[str]:
    """Returns the command of a seeded, deterministic run."""
    return [
        sys.executable,
        str(ROOT / "tools" / "train.py"),
        f"--workdir={workdir}",
        "--seed=1",
        "--deterministic",
        *flags,
    ]


def run_record(workdir: Path) -> dict[str, Any]:
    """Returns what a run directory says, but for times."""
    import keras
    import numpy as np

    import gblend_keras  # noqa: F401 (its classes load)

    with (workdir / "metrics.csv").open() as file:
        rows = [
            {k: v for k, v in row.items() if not k.endswith(UNSTABLE)}
            for row in csv.DictReader(file)
        ]
    record = {"metrics": rows}
    history = workdir / "blend_history.json"
    if history.exists():
        record["estimates"] = [
            {
                k: v
                for k, v in each.items()
                if not k.endswith(UNSTABLE) and k != "state"
            }
            for each in json.loads(history.read_text())
        ]
    summary = json.loads((workdir / "summary.json").read_text())
    record["accuracy"] = summary["accuracy"]
    model = keras.models.load_model(workdir / "model.keras")
    record["weights"] = {
        f"{index} {variable.path}": sha(np.asarray(variable))
        for index, variable in enumerate(model.weights)
    }
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.normal(size=(7, *tensor.shape[1:])).astype(np.float32)
        for name, tensor in model.network.input.items()
    }
    predicted = model.predict(inputs, verbose=0)
    record["predictions"] = {
        name: sha(np.asarray(value)) for name, value in predicted.items()
    }
    return record


def make_arrays(path: Path, *, multi_label: bool) -> None:
    """Writes a small set of three modalities."""
    import numpy as np

    rng = np.random.default_rng(5)
    n, classes = 240, 4
    y = rng.integers(classes, size=n)
    arrays = {}
    for name, shape in {"a": (9,), "b": (12, 3), "c": (8, 8)}.items():
        centers = rng.normal(size=(classes, *shape))
        noise = rng.normal(size=(n, *shape))
        arrays[name] = (centers[y] + 1.5 * noise).astype(np.float32)
    if multi_label:
        extra = rng.random((n, classes)) < 0.2
        y = (np.eye(classes)[y].astype(bool) | extra).astype(np.int64)
        arrays["sample_weight"] = rng.uniform(0.5, 1.5, n).astype(np.float32)
    np.savez(path, y=y, group=np.arange(n) % 12, **arrays)


def record_all(path: Path) -> None:
    """Runs everything and writes the record."""
    import gblend_keras as gb

    names = [*gb.methods.names(), "image"]
    record: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_arrays(place / "plain.npz", multi_label=False)
        make_arrays(place / "multi.npz", multi_label=True)
        plain = ["--recipe=arrays", f"--set=data.path={place}/plain.npz"]
        multi = ["--recipe=arrays", f"--set=data.path={place}/multi.npz"]
        jobs = {f"digits {name}": [f"--blend={name}"] for name in names}
        jobs |= {
            "folds": [*plain, "--blend=offline", "--set=blend.folds=3"],
            "by accuracy": [
                *plain,
                "--blend=online",
                "--set=blend.measure=accuracy",
                "--set=blend.holdout_by_group=true",
                "--set=blend.holdout_fraction=0.2",
                "--set=blend.weights_from=bootstrap",
            ],
            "multi-label online": [
                *multi,
                "--blend=online",
                "--set=blend.holdout_fraction=0.2",
                "--set=train.l2=0.001",
            ],
            "multi-label offline": [
                *multi,
                "--blend=offline",
                "--set=blend.offline_fraction=0.2",
            ],
            "mixed precision": [
                *plain,
                "--blend=online",
                "--set=train.precision=mixed_float16",
                "--set=blend.holdout_fraction=0.2",
            ],
        }
        for job, flags in jobs.items():
            workdir = place / job.replace(" ", "_")
            command = train_command(workdir, *SHORT, *flags)
            done = ran(job, command, cwd=place)
            failed = done is None
            record[job] = "failed" if failed else run_record(workdir)
        record["resumed"] = resumed(place / "resumed", place)
        for replicas in (1, 2):
            for scenario in ("online", "folds", *RULES):
                key = f"fit {scenario} {replicas}"
                command = [sys.executable, __file__, "fit", scenario]
                done = ran(key, [*command, str(replicas)], cwd=place)
                last = done.splitlines()[-1] if done else '"failed"'
                record[key] = json.loads(last)
    path.write_text(json.dumps(record, indent=1))


def ran(job: str, command: list[str], *, cwd: Path) -> str | None:
    """Runs a job; returns what it printed, or None where it failed."""
    started = time.monotonic()
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, cwd=cwd
    )
    if done.returncode:
        print(done.stderr[-2000:])
    print(f"{job}: {time.monotonic() - started:.0f} s", flush=True)
    return None if done.returncode else done.stdout


def resumed(workdir: Path, place: Path) -> dict[str, Any]:
    """Kills an online run after its second epoch, and lets it go on."""
    command = train_command(workdir, *SHORT, "--blend=online")
    process = subprocess.Popen(
        command,
        env=environment(),
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    metrics = workdir / "metrics.csv"
    while process.poll() is None:
        if metrics.exists() and len(metrics.read_text().splitlines()) >= 3:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    subprocess.run(
        command, env=environment(), cwd=place, check=True, capture_output=True
    )
    return run_record(workdir)


def fit(scenario: str, num_replicas: int) -> dict[str, Any]:
    """Trains from Python, with the callback or with a rule."""
    import keras
    import numpy as np
    import tensorflow as tf

    import gblend_keras as gb

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * num_replicas
    )
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(1)
    y = np.arange(150) % 3
    x = {
        name: (
            rng.normal(size=(3, size))[y] + 2 * rng.normal(size=(150, size))
        ).astype(np.float32)
        for name, size in {"m0": 6, "m1": 7}.items()
    }
    strategy = tf.distribute.get_strategy()
    if num_replicas > 1:
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        towers = {}
        for name, array in x.items():
            inputs = keras.Input(array.shape[1:])
            features = keras.layers.Dense(8, activation="relu")(inputs)
            features = keras.layers.BatchNormalization()(features)
            features = keras.layers.Dropout(0.2)(features)
            towers[name] = keras.Model(inputs, features, name=f"{name}_tower")
        network = gb.late_fusion(towers, num_classes=3)
        rule = None
        if scenario in RULES:
            rule = gb.methods.get(scenario).new_rule()
        model = gb.BlendedModel(network, rule=rule)
        model.compile(
            keras.optimizers.SGD(0.05, momentum=0.9), metrics=["accuracy"]
        )
    callbacks = []
    if scenario == "folds":
        data = gb.make_training_dataset(
            gb.Examples(x, y), batch_size=32, seed=2
        )
        callbacks = [gb.GradientBlending(data, folds=3, super_epochs=None)]
    else:
        data, holdout = gb.split_holdout((x, y), fraction=0.2, seed=2)
        if scenario == "online":
            callbacks = [
                gb.GradientBlending(data, holdout, super_epochs=(2, 1))
            ]
    history = model.fit(
        data, validation_data=(x, y), epochs=4, verbose=0, callbacks=callbacks
    )
    estimates = callbacks[0].history if callbacks else []
    predicted = model.predict(x, verbose=0)
    return {
        "losses": {
            k: [repr(float(v)) for v in values]
            for k, values in history.history.items()
        },
        "estimates": [
            {k: v for k, v in each.items() if not k.endswith(UNSTABLE)}
            for each in estimates
        ],
        "weights": [sha(np.asarray(each)) for each in model.get_weights()],
        "predictions": {k: sha(np.asarray(v)) for k, v in predicted.items()},
    }


def compare(before: Path, after: Path) -> int:
    """Prints what differs; returns how many runs do."""
    one, other = (json.loads(each.read_text()) for each in (before, after))
    different = 0
    for job in sorted(set(one) | set(other)):
        same = one.get(job) == other.get(job) and one.get(job) != "failed"
        different += not same
        print(f"{'equal' if same else 'DIFFERENT'}  {job}")
    print(f"{len(one)} runs, {different} differ")
    return different


def main() -> None:
    """Reads the command line."""
    command, *rest = sys.argv[1:]
    if command == "record":
        record_all(Path(rest[0]).resolve())
    elif command == "compare":
        sys.exit(compare(Path(rest[0]), Path(rest[1])) > 0)
    else:
        print(json.dumps(fit(rest[0], int(rest[1]))))


if __name__ == "__main__":
    main()
