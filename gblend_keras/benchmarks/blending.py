"""What blending costs, measured: steps, estimates, imports, memory."""

import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gblend_keras import config
from gblend_keras.benchmarks import towers as benchmark
from gblend_keras.blending import model as blended
from gblend_keras.callbacks import gradient_blending
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.fusion import network
from gblend_keras.towers import conv
from gblend_keras.towers import mlp

PARTS = ("step", "estimate", "start", "memory")


def measure(part: str, *, rounds: int = 15) -> dict[str, Any]:
    """Runs one part of the benchmark.

    Args:
        part: "step", "estimate", "start" or "memory".
        rounds: Interleaved rounds of the step comparison.

    Returns:
        Figures by name; times in seconds, memory in MiB.

    Raises:
        ValueError: If the part is unknown.
    """
    config.check_choice("parts", part, PARTS)
    if part == "step":
        return compare_steps(rounds)
    if part == "estimate":
        return {f"k={k}": estimate_cost(k) for k in (2, 3, 5)}
    if part == "start":
        return start_times()
    return peak_memory()


def tower_lines(names: Sequence[str], *, repeats: int) -> Iterator[str]:
    """Measures towers: parameters, GFLOPs, seconds a forward and a step.

    Args:
        names: Some of `towers.benchmark.cases()`; none measures all.
        repeats: How often each time is measured; the best one counts.

    Yields:
        A head line, then one line a tower.

    Raises:
        ValueError: If a name is unknown.
    """
    yield benchmark.HEADER
    for row in benchmark.rows(names, repeats=repeats):
        yield str(row)


def compare_steps(rounds: int) -> dict[str, Any]:
    """Times our training step against a plain `keras.Model`'s.

    The same network, data, optimizer and metrics; the plain model has
    constant `loss_weights`. Interleaved in one process.
    """
    examples = _examples(2, num_examples=2048)
    ours = _model(2)
    plain = keras.Model(ours.network.input, ours.network.output)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    heads = ours.head_names
    plain.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        loss=dict.fromkeys(heads, loss),
        loss_weights=dict.fromkeys(heads, 1 / len(heads)),
        metrics={head: ["accuracy"] for head in heads},
    )
    dataset = datasets.make_dataset(examples, batch_size=32).cache()
    targets = dataset.map(lambda x, y: (x, dict.fromkeys(heads, y)))
    contenders = ((ours, dataset), (plain, targets.cache()))
    for model, data in contenders:  # trace and warm up
        keras.Model.fit(model, data, epochs=2, verbose=0, shuffle=False)
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for index, (model, data) in enumerate(contenders):
            started = time.perf_counter()
            keras.Model.fit(model, data, verbose=0, shuffle=False)
            seconds[index].append(time.perf_counter() - started)
    steps = len(examples) // 32
    ratios = [a / b for a, b in zip(*seconds, strict=True)]
    return {
        "median_ratio": statistics.median(ratios),
        "quartiles_of_ratio": (
            statistics.quantiles(ratios, n=4) if rounds > 1 else []
        ),
        "ours_seconds_a_step": statistics.median(seconds[0]) / steps,
        "keras_seconds_a_step": statistics.median(seconds[1]) / steps,
        "rounds": rounds,
    }


def estimate_cost(num_modalities: int) -> dict[str, Any]:
    """Counts what an estimate of 2 epochs trains and how long it takes."""
    keras.backend.clear_session()
    examples = _examples(num_modalities, num_examples=1024)
    model = _model(num_modalities)
    train, held = datasets.split_holdout(examples, 0.125, batch_size=32)
    model.fit(train, epochs=1, verbose=0)  # trace
    started = time.perf_counter()
    model.fit(train, epochs=2, verbose=0)
    plain = time.perf_counter() - started
    blending = gradient_blending.GradientBlending(
        train, held, super_epochs=(2, 2)
    )
    model.fit(train, epochs=2, verbose=0, callbacks=[blending])
    (estimate,) = blending.estimates
    return {
        "passes": estimate.num_passes,
        "examples_trained": estimate.examples_trained,
        "seconds": estimate.seconds,
        "seconds_of_training_the_same_epochs": plain,
    }


def start_times() -> dict[str, float]:
    """Times an import of the package and a --help, in new processes."""
    commands = {
        "python -c pass": ["-c", "pass"],
        "import gblend_keras": ["-c", "import gblend_keras"],
        "gblend train --help": ["-m", "gblend_keras", "train", "--help"],
    }
    result = {}
    for name, arguments in commands.items():
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments], capture_output=True, check=True
            )
            seconds.append(time.perf_counter() - started)
        result[name] = statistics.median(seconds)
    return result


def peak_memory() -> dict[str, float]:
    """Compares the peak memory of training with and without an estimate.

    A network of 28 million parameters; each measurement in a new process.
    """
    context = multiprocessing.get_context("spawn")
    result = {}
    for name, with_estimate in (("plain", False), ("with_estimate", True)):
        parent, child = context.Pipe()
        process = context.Process(
            target=_train_large, args=(child, with_estimate)
        )
        process.start()
        result[f"{name}_peak_mib"], size = parent.recv()
        process.join()
    result["variables_and_slots_mib"] = size
    extra = result["with_estimate_peak_mib"] - result["plain_peak_mib"]
    result["extra_copies"] = extra / size
    return result


def _train_large(pipe: Any, with_estimate: bool) -> None:
    """Trains a large network for one epoch and reports the peak, in MiB."""
    rng = np.random.default_rng(0)
    y = np.arange(64) % 8
    x = {
        name: rng.normal(size=(64, 3072)).astype(np.float32)
        for name in ("a", "b")
    }
    towers = {
        name: mlp.build_mlp((3072,), widths=(3072, 1024), name=f"{name}_tower")
        for name in x
    }
    model = blended.BlendedModel(network.late_fusion(towers, 8))
    model.compile(keras.optimizers.SGD(0.001, momentum=0.9))
    train, held = datasets.split_holdout((x, y), 0.25, batch_size=16)
    model.fit(train, epochs=1, verbose=0)
    callbacks = (
        [gradient_blending.GradientBlending(train, held, super_epochs=(1, 1))]
        if with_estimate
        else []
    )
    model.fit(train, epochs=2, verbose=0, callbacks=callbacks)
    variables = [*model.variables, *model.optimizer.variables]
    size = sum(keras.ops.convert_to_numpy(each).nbytes for each in variables)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((peak, size / 2**20))


def _examples(
    num_modalities: int, *, num_examples: int
) -> example_set.Examples:
    rng = np.random.default_rng(0)
    shape = (num_examples, 24, 24, 1)
    return example_set.Examples(
        x={
            f"m{index}": rng.normal(size=shape).astype(np.float32)
            for index in range(num_modalities)
        },
        y=np.arange(num_examples) % 10,
    )


def _model(num_modalities: int) -> blended.BlendedModel:
    towers = {
        f"m{index}": conv.build_conv2d(
            (24, 24, 1), widths=(8, 16, 32), name=f"m{index}_tower"
        )
        for index in range(num_modalities)
    }
    model = blended.BlendedModel(network.late_fusion(towers, 10))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9), metrics=["accuracy"]
    )
    return model
